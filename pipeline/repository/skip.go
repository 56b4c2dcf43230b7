package repository

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"longlora/pipeline/licence"
)

// The reasons for which files are left out, beside those of text that cannot be decoded.
const (
	ReasonHidden    = "hidden"
	ReasonVendored  = "vendored"
	ReasonGenerated = "generated"
	ReasonData      = "data"
	ReasonTerms     = "licence text"
	ReasonBinary    = "binary"
	ReasonPointer   = "LFS pointer"
	ReasonTooLarge  = "too large"
	ReasonEmpty     = "empty"
	ReasonNoLicence = "no licence"
)

// validName reports whether a name can stand in a line of text.
func validName(name string) bool {
	return name != "" && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl) &&
		!strings.ContainsRune(name, '/') && name != "." && name != ".."
}

// vendored are the names of folders that hold the code of others.
var vendored = []string{
	"vendor", "node_modules", "third_party", "third-party", "thirdparty", "3rdparty", "bower_components",
	"jspm_packages", "site-packages", "venv", "Pods", "Carthage",
}

func leftOutFolder(name string) (reason, detail string, out bool) {
	switch {
	case slices.Contains(vendored, name):
		return ReasonVendored, "a folder for the code of others", true
	case name == "__pycache__":
		return ReasonGenerated, "a folder of compiled files", true
	case strings.HasPrefix(name, "."):
		return ReasonHidden, "", true
	}
	return "", "", false
}

// lockFiles are written by package managers.
var lockFiles = []string{
	"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "Cargo.lock",
	"poetry.lock", "Pipfile.lock", "pdm.lock", "uv.lock", "composer.lock", "Gemfile.lock", "go.sum",
	"go.work.sum", "flake.lock", "mix.lock", "Podfile.lock", "packages.lock.json", "MODULE.bazel.lock",
}

// suffixReasons are those of files that are text and not written by people to be read.
var suffixReasons = []struct{ suffix, reason string }{
	{".min.js", ReasonGenerated}, {".min.css", ReasonGenerated}, {".map", ReasonGenerated},
	{"_pb2.py", ReasonGenerated}, {"_pb2_grpc.py", ReasonGenerated}, {".pb.go", ReasonGenerated},
	{".snap", ReasonGenerated},
	{".csv", ReasonData}, {".tsv", ReasonData}, {".svg", ReasonData}, {".jsonl", ReasonData},
	{".ndjson", ReasonData}, {".geojson", ReasonData}, {".ipynb", ReasonData}, {".pem", ReasonData},
	{".crt", ReasonData}, {".key", ReasonData}, {".eps", ReasonData}, {".obj", ReasonData},
	{".ply", ReasonData}, {".stl", ReasonData}, {".hex", ReasonData}, {".bdf", ReasonData},
}

func leftOutName(name string) (reason, detail string, out bool) {
	switch {
	case slices.Contains(lockFiles, name):
		return ReasonGenerated, "by a package manager", true
	case strings.HasPrefix(name, "."):
		return ReasonHidden, "", true
	}
	lower := strings.ToLower(name)
	for _, s := range suffixReasons {
		if strings.HasSuffix(lower, s.suffix) && len(lower) > len(s.suffix) {
			return s.reason, "a " + s.suffix + " file", true
		}
	}
	return "", "", false
}

// generatedMark is the line by which programs sign what they write.
var generatedMark = regexp.MustCompile(
	`(?m)^.{0,8}(Code generated .* DO NOT EDIT\.?|.*@generated\b.*|` +
		`.*[Aa]uto-?generated .*[Dd]o not edit.*)\r?$`)

const (
	// headBytes is the part of a file in which marks and licences of its own are looked for.
	headBytes = 2048
	// longLine is a line that no one writes, in bytes.
	longLine = 10_000
)

// leftOutContent judges a file by what it holds, before it is decoded.
func leftOutContent(name string, data []byte) (reason, detail string, out bool) {
	head := data[:min(len(data), 8000)] // as git does
	switch {
	case len(data) == 0:
		return ReasonEmpty, "", true
	case len(data) < 1024 && bytes.HasPrefix(data, []byte("version https://git-lfs.github.com/spec/")):
		return ReasonPointer, "its content is not in the repository", true
	case bytes.IndexByte(head, 0) >= 0 && !hasMark(data):
		at := bytes.IndexByte(head, 0)
		return ReasonBinary, fmt.Sprintf("byte 0x00 at %d", at), true
	case generatedMark.Match(data[:min(len(data), headBytes)]):
		return ReasonGenerated, "it says so", true
	case languageOf(name) != nil && longestLine(data) > longLine:
		return ReasonGenerated, fmt.Sprintf("a line of %d bytes", longestLine(data)), true
	case licence.IsFile(path.Base(name)):
		return ReasonTerms, "", true
	}
	return "", "", false
}

// hasMark reports a byte order mark of UTF-16 or UTF-32, in which bytes of zero are usual.
func hasMark(data []byte) bool {
	return bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) ||
		bytes.HasPrefix(data, []byte{0, 0, 0xfe, 0xff})
}

func longestLine(data []byte) (longest int) {
	for line := range bytes.Lines(data) {
		longest = max(longest, len(line))
	}
	return longest
}
