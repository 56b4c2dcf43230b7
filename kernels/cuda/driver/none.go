//go:build !gpu

package driver

import "errors"

// Device is a GPU. Without the tag gpu there is none.
type Device struct{ Info Info }

var errBuild = errors.New("this binary was built without GPU support: build it with make build-gpu")

// Devices returns no device, and why.
func Devices() ([]Info, error) { return nil, errBuild }

// Open fails.
func Open(int) (*Device, error) { return nil, errBuild }

// Load fails.
func (*Device) Load(string) error { return errBuild }

// Alloc fails.
func (*Device) Alloc(int64) (uint64, error) { return 0, errBuild }

// Free fails.
func (*Device) Free(uint64) error { return errBuild }

// Launch does nothing.
func (*Device) Launch(Launch) {}

// Multiply does nothing.
func (*Device) Multiply(Product) {}

// Clear does nothing.
func (*Device) Clear(uint64, int64) {}

// Upload does nothing.
func (*Device) Upload(uint64, []byte) {}

// Download does nothing.
func (*Device) Download([]byte, uint64) {}

// Begin does nothing.
func (*Device) Begin() {}

// Listing reports false.
func (*Device) Listing() bool { return false }

// Submit does nothing.
func (*Device) Submit() {}

// Reading is memory of the device that is on its way to the host.
type Reading struct{}

// ReadLater does nothing.
func (*Device) ReadLater(uint64, int64) *Reading { return &Reading{} }

// Wait fails.
func (*Reading) Wait([]byte) error { return errBuild }

// CopyAside does nothing.
func (*Device) CopyAside(_, _ uint64, _ int64, _ bool) int { return 0 }

// Await does nothing.
func (*Device) Await(int) {}

// AllocHost fails.
func (*Device) AllocHost(int64) (uint64, error) { return 0, errBuild }

// FreeHost fails.
func (*Device) FreeHost(uint64) error { return errBuild }

// ReserveLists fails.
func (*Device) ReserveLists(_, _ int64) error { return errBuild }

// ListBytes returns 0.
func (*Device) ListBytes() int64 { return 0 }

// Used returns 0.
func (*Device) Used() int64 { return 0 }

// Graphs returns 0.
func (*Device) Graphs() (captured, replayed int64) { return 0, 0 }

// NoGraphs does nothing.
func (*Device) NoGraphs() {}

// Sync fails.
func (*Device) Sync() error { return errBuild }

// Close does nothing.
func (*Device) Close() error { return nil }
