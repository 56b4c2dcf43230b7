// Asm generates the assembly of packages gemm, simd and peak; with -pkg neon that of arm64:
//
//	go run . -package gemm -out ../gemm/kernel_amd64.s -stubs ../gemm/kernel_amd64.go
//
// `make generate` runs it for all and CI requires that nothing changes.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/mmcloughlin/avo/build"
)

func main() {
	// avo reads -out, -stubs and -pkg; the package's name is also which kernels to write.
	name := ""
	for i, a := range os.Args {
		if a == "-pkg" && i+1 < len(os.Args) {
			name = os.Args[i+1]
		}
	}
	switch name {
	case "gemm":
		build.ConstraintExpr("amd64")
		gemmKernels()
		packKernels()
		brainKernels()
		thinKernels()
	case "peak":
		build.ConstraintExpr("amd64")
		peakLoops()
	case "simd":
		build.ConstraintExpr("amd64")
		rowKernels()
	case "neon":
		neonTiles().write("../gemm/kernel_arm64.s", "../gemm/kernel_arm64.go")
		neonRowFunctions().write("../simd/rows_arm64.s", "../simd/rows_arm64.go")
		return
	default:
		fmt.Fprintf(os.Stderr, "asm: -pkg is %q, want gemm, neon, peak or simd\n", name)
		flag.Usage()
		os.Exit(2)
	}
	build.Generate()
}
