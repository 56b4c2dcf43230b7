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

// Sync fails.
func (*Device) Sync() error { return errBuild }

// Close does nothing.
func (*Device) Close() error { return nil }
