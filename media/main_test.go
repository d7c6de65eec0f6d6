package media

import (
	"flag"
	"os"
	"testing"

	"trunkline/internal/raced"
)

// TestMain lets more of the tests run at once than there are CPUs: those on the kernel's seam wait
// for sound in real time.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set(raced.Or("4", "6"))
	}
	os.Exit(m.Run())
}
