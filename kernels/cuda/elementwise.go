package cuda

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"longlora/kernels"
	"longlora/kernels/bf16"
	"longlora/kernels/check"
	"longlora/kernels/cuda/driver"
)

// Write implements kernels.Backend.
func (b *Backend) Write(dst kernels.Tensor, src []float32) {
	check.Floats("Write", dst, len(src))
	if len(src) == 0 {
		return
	}
	if hosted(dst) {
		b.touch(dst, func(memory []byte) { copy(memory, encoded(dst.DType(), src)) })
		return
	}
	to, direct := address(dst), dst.Contiguous()
	if !direct {
		if to = b.grow(int64(len(src)) * dst.DType().Size()); to == 0 {
			return
		}
	}
	b.d.Upload(to, encoded(dst.DType(), src))
	if !direct {
		b.copyFlat(dst, to, true)
	}
}

// touch gives f the bytes of a contiguous tensor in the host's memory, when the device has done with
// it. An error of the device is left to Sync.
func (b *Backend) touch(t kernels.Tensor, f func(memory []byte)) {
	if !t.Contiguous() {
		panic(fmt.Sprintf("cuda: %v in the host's memory has gaps", t))
	}
	err := b.d.Sync()
	if err == nil {
		f(driver.Bytes(address(t), int64(t.Len())*t.DType().Size()))
	}
	if b.failed == nil {
		b.failed = err
	}
}

// encoded returns floats as the device stores them.
func encoded(d kernels.DType, src []float32) []byte {
	if d == kernels.F32 {
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(src))), 4*len(src))
	}
	out := make([]byte, 0, 2*len(src))
	for _, v := range src {
		out = binary.LittleEndian.AppendUint16(out, bf16.Round(v))
	}
	return out
}

// copyFlat copies between t and a place where its elements lie without gaps.
func (b *Backend) copyFlat(t kernels.Tensor, flat uint64, toTensor bool) {
	done := int64(0)
	each(func(ms []matrix) {
		m := ms[0]
		place := matrix{flat + uint64(done), m.rows, m.width, m.width, m.dtype}
		done += int64(m.rows) * int64(m.width) * m.dtype.Size()
		if toTensor {
			b.pair("copy", m, place)
		} else {
			b.pair("copy", place, m)
		}
	}, t)
}

// WriteInts implements kernels.Backend.
func (b *Backend) WriteInts(dst kernels.Tensor, src []int32) {
	check.WriteInts(dst, len(src))
	b.remember(dst, src)
	b.d.Upload(address(dst), bytesOf(src))
}

func bytesOf(v []int32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 4*len(v))
}

// Read implements kernels.Backend.
func (b *Backend) Read(dst []float32, src kernels.Tensor) {
	check.Floats("Read", src, len(dst))
	if len(dst) == 0 {
		return
	}
	raw := make([]byte, int64(len(dst))*src.DType().Size())
	if hosted(src) {
		b.touch(src, func(memory []byte) { copy(raw, memory) })
		decode(dst, src.DType(), raw)
		return
	}
	from := address(src)
	if !src.Contiguous() {
		if from = b.grow(int64(len(dst)) * src.DType().Size()); from == 0 {
			return
		}
		b.copyFlat(src, from, false)
	}
	b.d.Download(raw, from)
	decode(dst, src.DType(), raw)
}

// decode is the opposite of encoded.
func decode(dst []float32, d kernels.DType, raw []byte) {
	for i := range dst {
		if d == kernels.BF16 {
			dst[i] = bf16.Float(binary.LittleEndian.Uint16(raw[2*i:]))
		} else {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
	}
}

// Zero implements kernels.Backend.
func (b *Backend) Zero(t kernels.Tensor) {
	if t.DType() == kernels.I32 {
		b.WriteInts(t, make([]int32, t.Len()))
		return
	}
	if t.Contiguous() && !hosted(t) {
		if b.failed == nil {
			b.d.Clear(address(t), int64(t.Len())*t.DType().Size())
		}
		return
	}
	each(func(m []matrix) {
		b.launch("zero_"+m[0].dtype.String(), m[0].parts(), 1, 1, 0, m[0].address, m[0].rows,
			m[0].width, m[0].stride)
	}, t)
}

// pair starts a kernel over two matrices of one shape.
func (b *Backend) pair(operator string, to, from matrix) {
	b.launch(operator+"_"+to.dtype.String()+"_"+from.dtype.String(), to.parts(), 1, 1, 0,
		to.address, from.address, to.rows, to.width, to.stride, from.stride)
}

// Copy implements kernels.Backend.
func (b *Backend) Copy(dst, src kernels.Tensor) {
	check.Copy(dst, src)
	each(func(m []matrix) { b.pair("copy", m[0], m[1]) }, dst, src)
}

// Add implements kernels.Backend.
func (b *Backend) Add(dst, src kernels.Tensor) {
	check.Add(dst, src)
	each(func(m []matrix) { b.pair("add", m[0], m[1]) }, dst, src)
}

// Scale implements kernels.Backend.
func (b *Backend) Scale(t kernels.Tensor, s float32) {
	check.Scale(t)
	each(func(m []matrix) {
		b.launch("scale_"+m[0].dtype.String(), m[0].parts(), 1, 1, 0, m[0].address, m[0].rows,
			m[0].width, m[0].stride, s)
	}, t)
}
