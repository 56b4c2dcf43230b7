package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// rule forbids packages under From to import packages under Imports, except From's listed packages.
type rule struct {
	from, imports string
	except        []string
	reason        string
}

// rules is the architecture's contract; see ARCHITECTURE.md.
var rules = []rule{
	{"longlora/schemas", "longlora/", []string{"->longlora/schemas"},
		"what is on disk must be readable without the rest of the project"},
	{"longlora/kernels", "longlora/", []string{"->longlora/kernels"},
		"operators know tensors, not models, files or text"},
	{"longlora/internal", "longlora/",
		[]string{"->longlora/internal", "longlora/internal/store/cloud/dataset"}, // gives schemas files
		"shared foundations depend on nothing above them"},
	{"longlora/", "longlora/schemas/shard/shardtest", nil, "helpers of tests stay out of the product"},
	{"longlora/", "longlora/trainer/model/modeltest", nil, "helpers of tests stay out of the product"},
	{"longlora/", "longlora/internal/store/cloud/s3test", nil,
		"helpers of tests stay out of the product"},
	{"longlora/", "longlora/internal/store/cloud/faulty",
		[]string{"longlora/internal/store/cloud/s3test"}, "helpers of tests stay out of the product"},
	{"longlora/", "longlora/internal/store/contract",
		[]string{"longlora/internal/store/cloud/conform"}, "helpers of tests stay out of the product"},
	{"longlora/", "gonum.org/v1/plot",
		[]string{"longlora/pipeline/card", "longlora/trainer/report"}, "few packages draw"},
	{"longlora/pipeline", "longlora/kernels", nil, "preparing data needs no compute"},
	{"longlora/pipeline", "longlora/trainer", nil, "text ends at the tokenizer"},
	{"longlora/pipeline", "longlora/longqa", nil, "the pipeline serves any corpus, not one dataset"},
	{"longlora/longqa", "longlora/kernels", nil, "building a dataset needs no model"},
	{"longlora/longqa", "longlora/trainer", nil, "building a dataset needs no model"},
	{"longlora/longqa/check", "longlora/longqa", []string{"->longlora/longqa/check"},
		"answers are computed again by code that shares nothing with what built them"},
	{"longlora/trainer", "longlora/pipeline", nil, "training starts at shards"},
	{"longlora/trainer", "longlora/longqa", nil, "training starts at shards"},
	{"longlora/trainer", "longlora/internal/tokenizer", textEdge,
		"no text enters the training loop"},
	{"longlora/trainer", "longlora/internal/prompt", textEdge,
		"no text enters the training loop"},
	{"longlora/trainer", "longlora/kernels/", engines,
		"models and training reach compute only through the backend seam"},
	{"longlora/kernels/reference", "longlora/kernels/machine", nil, independent},
	{"longlora/kernels/reference", "longlora/kernels/gemm", nil, independent},
	{"longlora/kernels/reference", "longlora/kernels/simd", nil, independent},
	{"longlora/kernels/reference", "longlora/kernels/bf16", nil, independent},
	{"longlora/kernels/conform", "longlora/kernels/machine", nil,
		"the contract suite runs on any backend"},
	{"longlora/", "longlora/kernels/conform", nil, "helpers of tests stay out of the product"},
	{"longlora/", "longlora/kernels/kerneltest", nil, "helpers of tests stay out of the product"},
	{"longlora/", "longlora/kernels/difference", nil, "helpers of tests stay out of the product"},
	{"longlora/", "longlora/kernels/cuda/emulator", nil, "helpers of tests stay out of the product"},
	{"longlora/", "github.com/parquet-go/parquet-go", []string{"longlora/schemas/shard"},
		"one package touches the Parquet library"},
	{"longlora/", "github.com/apache/arrow/go/v17/arrow/ipc", []string{"longlora/schemas/ipc"},
		"one package touches Arrow IPC and Flight"},
	{"longlora/", "github.com/apache/arrow/go/v17/parquet", nil,
		"Arrow 17 reads some Parquet files wrongly; parquet-go reads them"},
	{"longlora/", "github.com/openai/openai-go", []string{"longlora/longqa/endpoint"},
		"one package calls models over the network, with budget and journal"},
	{"longlora/", "longlora/longqa/faketeacher", nil, "helpers of tests stay out of the product"},
	{"longlora/", "gorgonia.org/cu", []string{"longlora/kernels/cuda"},
		"one package touches the GPU driver"},
	{"longlora/", "gorgonia.org/gorgonia", []string{"longlora/trainer/oracle", "longlora/trainer/graph"},
		"one package of the product is written as graphs; the autodiff oracle is no part of it"},
	{"longlora/", "gorgonia.org/tensor", []string{"longlora/trainer/oracle", "longlora/trainer/graph"},
		"Gorgonia's tensors stay within its graphs"},
	{"longlora/", "longlora/trainer/graph", []string{"longlora/trainer/run", "longlora/trainer/measure"},
		"a run chooses its engine; nothing else knows that there is a choice"},
	{"longlora/trainer/oracle", "longlora/trainer/graph", nil, independent},
}

// textEdge lists the trainer's packages that turn text into ids or back.
var textEdge = []string{
	"longlora/trainer/cli", "longlora/trainer/generate", "longlora/trainer/base",
	"longlora/trainer/eval", "longlora/trainer/oracle",
	"longlora/trainer/export", // a tokenizer must fit what is written with it
	"longlora/trainer/chat", "longlora/trainer/serve", "longlora/trainer/retrieval",
}

// engines is what of kernels the trainer may name beside the seam itself: the patterns and the
// weights of four and eight bits, which are data, and, where a model is opened or a run set up, a
// backend. Tests choose backends freely.
var engines = []string{
	"->longlora/kernels/pattern", "->longlora/kernels/nf4", "->longlora/kernels/llmint8",
	"longlora/trainer/device", "longlora/trainer/measure",
	"longlora/trainer/open",
	"longlora/trainer/run",
	"longlora/trainer/graph", // Gorgonia reads and writes the CPU backend's memory
}

const independent = "an oracle shares no arithmetic with what is held against it"

type listed struct {
	ImportPath string
	Imports    []string
}

func TestImportRules(t *testing.T) {
	packages := listWorkspace(t)
	if len(packages) < 20 {
		t.Fatalf("listed %d packages of the workspace, want at least 20", len(packages))
	}
	for _, p := range packages {
		for _, imported := range p.Imports {
			for _, r := range rules {
				if r.forbids(p.ImportPath, imported) {
					t.Errorf("%s imports %s: %s", p.ImportPath, imported, r.reason)
				}
			}
		}
	}
}

func TestRuleForbids(t *testing.T) {
	r := rule{from: "longlora/a", imports: "longlora/", except: []string{"longlora/a/x", "->longlora/a"}}
	for _, c := range []struct {
		from, imported string
		want           bool
	}{
		{"longlora/a", "longlora/b", true},
		{"longlora/a/y", "longlora/b", true},
		{"longlora/ab", "longlora/b", false},
		{"longlora/a/x", "longlora/b", false},
		{"longlora/a", "longlora/a/z", false},
		{"longlora/a", "fmt", false},
	} {
		if got := r.forbids(c.from, c.imported); got != c.want {
			t.Errorf("forbids(%s, %s) = %v, want %v", c.from, c.imported, got, c.want)
		}
	}
}

func (r rule) forbids(from, imported string) bool {
	if !under(from, r.from) || !under(imported, r.imports) {
		return false
	}
	for _, e := range r.except {
		if target, ok := strings.CutPrefix(e, "->"); ok && under(imported, target) {
			return false
		}
		if under(from, e) {
			return false
		}
	}
	return true
}

// under reports whether path is prefix or lies in its tree; a prefix with a final slash is the tree
// without its root.
func under(path, prefix string) bool {
	if strings.HasSuffix(prefix, "/") {
		return strings.HasPrefix(path, prefix)
	}
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

func listWorkspace(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", "work")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
