package rope

// Reference rotates x [T, heads, headDim] in place; inverse applies the transpose. cos and sin are
// [P, headDim/2], pos [T].
func Reference[F float32 | float64](x, cos, sin []F, pos []int32, heads, headDim int,
	inverse bool) {
	half := headDim / 2
	for t, p := range pos {
		for h := range heads {
			row := x[(t*heads+h)*headDim:][:headDim]
			for j := range half {
				c, s := cos[int(p)*half+j], sin[int(p)*half+j]
				if inverse {
					s = -s
				}
				a, b := row[j], row[j+half]
				row[j], row[j+half] = a*c-b*s, b*c+a*s
			}
		}
	}
}
