//go:build !gpu

package cuda

// ptx returns nothing: without a device nothing is loaded.
func ptx(string) ([]string, error) { return nil, nil }
