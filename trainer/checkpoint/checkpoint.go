package checkpoint

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"longlora/internal/atomicfile"
	"longlora/kernels"
	"longlora/trainer/data"
	"longlora/trainer/model"
	"longlora/trainer/optimizer"
	"longlora/trainer/safetensors"
)

const (
	version     = 1
	stateName   = "state.json"
	tensorsName = "trained.safetensors"
	latestName  = "latest"
	stepPrefix  = "step-"
)

// State is what a run is at the end of a step, beside its tensors.
type State struct {
	Version int `json:"version"`
	// Step counts the finished steps.
	Step int `json:"step"`
	// Position is the next sequence to read.
	Position data.Position `json:"position"`
	// Tokens counts the tokens read so far.
	Tokens int64 `json:"tokens"`
	// Best is the best validation so far; nil: none is asked for, or none was taken.
	Best *Best `json:"best,omitempty"`
	// Backend names the arithmetic, as "cpu/avx512": another one does not give the same bits.
	Backend string `json:"backend"`
	// Config is all of the run's configuration that the result depends on, digests of the data and
	// of the base model among it.
	Config map[string]any `json:"config"`
	// SHA256 is that of the tensors' file.
	SHA256 string `json:"sha256"`
}

// Best is the best validation of a run.
type Best struct {
	// Step is the one after which it was taken, Loss its loss.
	Step int     `json:"step"`
	Loss float64 `json:"loss"`
	// Stale counts the validations since.
	Stale int `json:"stale"`
}

// ErrNone reports that a run has no checkpoint.
var ErrNone = errors.New("no checkpoint")

// Save writes the checkpoint of s.Step under root, points latest to it and removes all but the
// newest keep checkpoints (0: keeps all) and the one of s.Best. It returns the checkpoint's directory.
// apart are the moments that the model does not hold; nil: it holds all.
func Save(root string, m *model.Model, apart *optimizer.Moments, s State, keep int) (string, error) {
	name := stepName(s.Step)
	path := filepath.Join(root, name)
	dir, err := atomicfile.CreateDir(path, true)
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	defer dir.Abort() //nolint:errcheck // the first error is the one to tell
	if err := write(dir.Path(), m, apart, s); err != nil {
		return "", fmt.Errorf("checkpoint %s: %w", path, err)
	}
	if err := dir.Commit(); err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	if err := atomicfile.Write(filepath.Join(root, latestName), []byte(name+"\n")); err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	best := ""
	if s.Best != nil {
		best = stepName(s.Best.Step)
	}
	return path, prune(root, keep, best)
}

func stepName(step int) string { return fmt.Sprintf("%s%06d", stepPrefix, step) }

// Step returns the directory of a step's checkpoint under root.
func Step(root string, step int) string { return filepath.Join(root, stepName(step)) }

func write(dir string, m *model.Model, apart *optimizer.Moments, s State) error {
	f, err := os.Create(filepath.Join(dir, tensorsName))
	if err != nil {
		return err
	}
	sum := sha256.New()
	w := bufio.NewWriterSize(f, 1<<20)
	err = safetensors.Write(io.MultiWriter(w, sum), nil, tensors(m, apart))
	if err = errors.Join(err, w.Flush(), f.Close()); err != nil {
		return err
	}
	s.Version, s.SHA256 = version, hex.EncodeToString(sum.Sum(nil))
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, stateName), append(text, '\n'), 0o666)
}

// slots are a trained parameter's tensors in its model.
func slots(p *model.Param) map[string]kernels.Tensor {
	all := map[string]kernels.Tensor{"value/" + p.Name: p.Value}
	if !p.M.IsZero() {
		all["m/"+p.Name], all["v/"+p.Name] = p.M, p.V
	}
	return all
}

func tensors(m *model.Model, apart *optimizer.Moments) []safetensors.Tensor {
	var all []safetensors.Tensor
	for _, p := range m.Params().Trainable() {
		if p.M.IsZero() {
			all = append(all, apart.Tensors(p)...)
		}
		for name, t := range slots(p) {
			load := func() ([]float32, error) {
				values := make([]float32, t.Len())
				m.Backend().Read(values, t)
				return values, m.Backend().Sync()
			}
			all = append(all, safetensors.Tensor{
				Name: name, Shape: p.Shape(), DType: safetensors.F32, Load: load,
			})
		}
	}
	return all
}

// prune removes all but the newest keep checkpoints and the best.
func prune(root string, keep int, best string) error {
	steps, err := list(root)
	if err != nil || keep <= 0 {
		return err
	}
	for _, name := range steps[:max(len(steps)-keep, 0)] {
		if name == best {
			continue
		}
		if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
	}
	return nil
}

// list returns the names of the checkpoints under root, oldest first.
func list(root string) ([]string, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	var steps []string
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), stepPrefix)
		if ok && e.IsDir() && digits != "" && strings.Trim(digits, "0123456789") == "" {
			steps = append(steps, e.Name())
		}
	}
	sort.Slice(steps, func(i, j int) bool { // by number: they may differ in length
		if len(steps[i]) != len(steps[j]) {
			return len(steps[i]) < len(steps[j])
		}
		return steps[i] < steps[j]
	})
	return steps, nil
}

// Latest returns the directory of the newest checkpoint under root, or ErrNone.
func Latest(root string) (string, error) {
	name, err := os.ReadFile(filepath.Join(root, latestName))
	if err == nil {
		return filepath.Join(root, filepath.Base(strings.TrimSpace(string(name)))), nil
	}
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%s: %w", root, ErrNone)
	}
	return "", fmt.Errorf("checkpoint: %w", err)
}

// ReadState reads a checkpoint's state without its tensors.
func ReadState(dir string) (State, error) {
	var s State
	text, err := os.ReadFile(filepath.Join(dir, stateName))
	if err != nil {
		return s, fmt.Errorf("checkpoint: %w", err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("checkpoint %s: %s: %w", dir, stateName, err)
	}
	if s.Version != version {
		return s, fmt.Errorf("checkpoint %s: version %d, this build reads version %d",
			dir, s.Version, version)
	}
	return s, nil
}

// Restore puts a checkpoint's tensors into a model made with the same options. Its file is checked
// by hash before anything is changed. apart is as for Save.
func Restore(dir string, m *model.Model, apart *optimizer.Moments) (State, error) {
	s, err := ReadState(dir)
	if err != nil {
		return s, err
	}
	if err := restore(dir, m, apart, s); err != nil {
		return s, fmt.Errorf("checkpoint %s: %w", dir, err)
	}
	return s, nil
}

func restore(dir string, m *model.Model, apart *optimizer.Moments, s State) error {
	if err := verify(filepath.Join(dir, tensorsName), s.SHA256); err != nil {
		return err
	}
	f, err := safetensors.Open(os.DirFS(dir), tensorsName)
	if err != nil {
		return err
	}
	defer f.Close()
	trained := m.Params().Trainable()
	if got, want := len(f.Tensors()), len(tensors(m, apart)); got != want {
		return fmt.Errorf("%d tensors, the model trains %d", got, want)
	}
	for _, p := range trained {
		if p.M.IsZero() {
			if err := apart.Restore(p, f); err != nil {
				return err
			}
		}
		for name, t := range slots(p) {
			values, shape, err := f.Floats(name)
			if err != nil {
				return err
			}
			if fmt.Sprint(shape) != fmt.Sprint(p.Shape()) {
				return fmt.Errorf("tensor %s has shape %v, the model's is %v", name, shape, p.Shape())
			}
			m.Backend().Write(t, values)
		}
	}
	return m.Backend().Sync()
}

func verify(path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("%s has sha256 %.12s, %s says %.12s: it was damaged; resume from another "+
			"checkpoint by writing its name into the file %s", tensorsName, got, stateName, want,
			latestName)
	}
	return nil
}
