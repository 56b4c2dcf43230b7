//go:build gpu

package driver

import (
	"encoding/binary"
	"fmt"
	"math"
)

// appendArgument appends a kernel's argument as the device reads it.
func appendArgument(b []byte, a any) []byte {
	switch v := a.(type) {
	case uint64:
		return binary.LittleEndian.AppendUint64(b, v)
	case int:
		return binary.LittleEndian.AppendUint64(b, uint64(v))
	case int32:
		return binary.LittleEndian.AppendUint32(b, uint32(v))
	case float32:
		return binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	case float64:
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	case []byte:
		return append(b, v...)
	}
	panic(fmt.Sprintf("driver: argument of type %T", a))
}
