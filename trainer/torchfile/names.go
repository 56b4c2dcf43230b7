package torchfile

import "longlora/trainer/safetensors"

// global is an import of a pickle: a module and a name in it.
type global struct{ module, name string }

func (g global) String() string { return g.module + "." + g.name }

// The imports that are called.
var (
	orderedDict      = global{"collections", "OrderedDict"}
	rebuildTensor    = global{"torch._utils", "_rebuild_tensor_v2"}
	rebuildParameter = global{"torch._utils", "_rebuild_parameter"}
)

// storages are the imports that name an element type.
var storages = map[global]safetensors.DType{
	{"torch", "FloatStorage"}:    safetensors.F32,
	{"torch", "HalfStorage"}:     safetensors.F16,
	{"torch", "BFloat16Storage"}: safetensors.BF16,
	{"torch", "DoubleStorage"}:   "F64",
	{"torch", "LongStorage"}:     "I64",
	{"torch", "IntStorage"}:      "I32",
	{"torch", "ShortStorage"}:    "I16",
	{"torch", "CharStorage"}:     "I8",
	{"torch", "ByteStorage"}:     "U8",
	{"torch", "BoolStorage"}:     "BOOL",
}

// known reports whether a pickle may import g.
func (g global) known() bool {
	_, ok := storages[g]
	return ok || g == orderedDict || g == rebuildTensor || g == rebuildParameter
}
