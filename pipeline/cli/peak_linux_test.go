package cli

import "os"

// reportPeak writes the process's status to the file $TEST_STATUS, if that is set.
func reportPeak() {
	name := os.Getenv("TEST_STATUS")
	if name == "" {
		return
	}
	status, err := os.ReadFile("/proc/self/status")
	if err == nil {
		err = os.WriteFile(name, status, 0o666)
	}
	if err != nil {
		panic(err)
	}
}
