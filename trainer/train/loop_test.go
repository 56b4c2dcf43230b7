package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/kernels/pattern"
	"longlora/kernels/plan"
	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/schemas/shard/shardtest"
	"longlora/trainer/checkpoint"
	"longlora/trainer/data"
	"longlora/trainer/model"
	"longlora/trainer/optimizer"
)

var shape = model.Config{
	Vocab: 50, Hidden: 32, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 8, FFN: 48, Eps: 1e-5, Tied: true,
}

// dataset writes n sequences in which each token but the last of a document says the next.
func dataset(t testing.TB, dir string, n int) *shard.Dataset {
	t.Helper()
	if _, err := os.Stat(dir); err != nil {
		write(t, dir, n)
	}
	d, err := shard.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func write(t testing.TB, dir string, n int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var rows []schemas.Sequence
	for range n {
		rows = append(rows, sequence(rng, 5+rng.IntN(40), 2+rng.IntN(20)))
	}
	o := shard.Options{Kind: schemas.KindSequence, Name: "test"}
	shardtest.Write(t, dir, o, shardtest.File[schemas.Sequence]{Split: "train", Rows: rows})
}

func sequence(rng *rand.Rand, lens ...int) (s schemas.Sequence) {
	for _, n := range lens {
		start, id := int32(len(s.InputIDs)), rng.IntN(50)
		for range n {
			s.InputIDs = append(s.InputIDs, int32(id))
			id = (id*7 + 3) % 50
		}
		s.DocLens = append(s.DocLens, int32(n))
		s.LossSpans = append(s.LossSpans, schemas.LossSpan{Start: start + 1, End: start + int32(n)})
		s.Docs = append(s.Docs, schemas.DocRef{SampleID: "d", Source: "test", Licence: "MIT"})
		s.LossWeights = append(s.LossWeights, 1+float32(rng.IntN(2)))
	}
	s.NTokens = int32(len(s.InputIDs))
	return s
}

func rotary(positions int) (cos, sin []float32) {
	for p := range positions {
		for j := range shape.HeadDim / 2 {
			angle := float64(p) * math.Pow(10000, -2*float64(j)/float64(shape.HeadDim))
			cos, sin = append(cos, float32(math.Cos(angle))), append(sin, float32(math.Sin(angle)))
		}
	}
	return cos, sin
}

func newModel(t testing.TB, threads int) *model.Model {
	t.Helper()
	b, err := cpu.New(threads)
	if err != nil {
		t.Fatal(err)
	}
	return modelOn(t, b, threads > 1)
}

// modelOn returns a model on a backend, which it closes.
func modelOn(t testing.TB, b *cpu.Backend, recompute bool) *model.Model {
	t.Helper()
	var again []model.Again
	if recompute {
		again = []model.Again{{Attention: true, MLP: true}, {Rows: true}}
	}
	return modelWith(t, b, again)
}

func modelWith(t testing.TB, b *cpu.Backend, again []model.Again) *model.Model {
	t.Helper()
	m, err := model.New(b, shape, model.Options{
		Context: 128, Rotary: rotary, Planner: func() kernels.Backend { return plan.New() },
		Training: true, Again: again, Train: []string{"embed", "norm"},
		LoRA: &model.LoRA{Targets: model.Targets(), Rank: 2, Alpha: 4, Dropout: 0.1},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(m.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	})
	if err := m.Init(5); err != nil {
		t.Fatal(err)
	}
	return m
}

func options(dir string) Options {
	return Options{
		Schedule: Schedule{Kind: "cosine", Peak: 3e-3, Warmup: 3, Steps: 14},
		Batch:    5, MicroTokens: 100, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.01, Clip: 1,
		Seed: 4, Checkpoints: filepath.Join(dir, "checkpoints"), SaveEvery: 3, Keep: 2,
	}
}

// prepare returns a loop over a new model, which stands at the newest checkpoint in dir if any.
func prepare(t testing.TB, dir string, threads int) *Loop {
	t.Helper()
	return prepareModel(t, dir, newModel(t, threads))
}

func prepareModel(t testing.TB, dir string, m *model.Model) *Loop {
	t.Helper()
	return prepareMoments(t, dir, m, nil)
}

// prepareMoments is prepareModel with moments that the model does not hold.
func prepareMoments(t testing.TB, dir string, m *model.Model, moments *optimizer.Moments) *Loop {
	t.Helper()
	l := &Loop{
		Options: options(dir), Model: m, World: kernels.Solo{}, Moments: moments,
		Layout: data.Layout{Segments: func(lens []int32) kernels.Segments {
			return pattern.S2(pattern.Layout{DocLens: lens, Heads: shape.Heads, Group: 8})
		}},
	}
	latest, err := checkpoint.Latest(l.Checkpoints)
	if err == nil {
		l.State, err = checkpoint.Restore(latest, l.Model, l.Moments)
	} else if errors.Is(err, checkpoint.ErrNone) {
		err = nil
	}
	if err != nil {
		t.Fatal(err)
	}
	source := data.Shards{
		Dataset: dataset(t, filepath.Join(dir, "shards"), 17), Split: "train", Shuffle: true, Seed: 1,
	}
	l.Data, err = data.Open(context.Background(), source, l.State.Position,
		data.Limits{Vocab: shape.Vocab, Context: 64})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Data.Close() })
	return l
}

// state returns the bits of everything that a run changes.
func state(m *model.Model) map[string][]float32 {
	all := map[string][]float32{}
	read := func(name string, x kernels.Tensor) {
		values := make([]float32, x.Len())
		m.Backend().Read(values, x)
		all[name] = values
	}
	for _, p := range m.Params() {
		read(p.Name, p.Value)
		if p.Trainable && !p.M.IsZero() {
			read("m/"+p.Name, p.M)
			read("v/"+p.Name, p.V)
		}
	}
	return all
}

func wantEqual(t *testing.T, got, want map[string][]float32) {
	t.Helper()
	for name, w := range want {
		if !slices.Equal(got[name], w) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestTrainingLearns(t *testing.T) {
	l := prepare(t, t.TempDir(), 1)
	before := state(l.Model)
	var losses []float64
	l.Observe = func(m Metrics) error {
		losses = append(losses, m.Loss)
		return nil
	}
	if err := l.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(losses) != 14 || losses[13] > 0.95*losses[0] {
		t.Errorf("losses %.3f, want 14 that fall by a twentieth", losses)
	}
	after := state(l.Model)
	for _, p := range l.Model.Params() {
		if changed := !slices.Equal(before[p.Name], after[p.Name]); changed != p.Trainable {
			t.Errorf("%s: trained %v, changed %v", p.Name, p.Trainable, changed)
		}
	}
	steps, err := filepath.Glob(filepath.Join(l.Checkpoints, "step-*"))
	if err != nil || len(steps) != 2 {
		t.Errorf("checkpoints %v, want the newest 2", steps)
	}
}

// TestInterruptAndResume stops after each step and goes on with another number of threads.
func TestInterruptAndResume(t *testing.T) {
	stopAndGoOn(t, []int{1, 3, 7, 13}, prepare)
}

// TestResumeAttention stops around the steps at which the attention changes.
func TestResumeAttention(t *testing.T) {
	lay := func(of pattern.Pattern) data.Segmenter {
		return func(lens []int32) kernels.Segments {
			return of(pattern.Layout{DocLens: lens, Heads: shape.Heads, Group: 8})
		}
	}
	change := 0
	start := func(t testing.TB, dir string, threads int) *Loop {
		l := prepare(t, dir, threads)
		l.Attention = func(step int) data.Layout {
			if step >= change {
				return data.Layout{Segments: lay(pattern.Full), Name: "full"}
			}
			each := func(lens []int32) []kernels.Segments {
				return []kernels.Segments{lay(pattern.Local)(lens), lay(pattern.S2)(lens)}
			}
			return data.Layout{Layers: each, Name: "local and s2"}
		}
		return l
	}
	var ends []map[string][]float32
	for _, change = range []int{6, 7} { // a step more or less of one attention is another result
		ends = append(ends, stopAndGoOn(t, []int{change - 2, change - 1, change}, start))
	}
	if slices.Equal(ends[0][model.EmbedName], ends[1][model.EmbedName]) {
		t.Error("the step at which the attention changes makes no difference")
	}
}

// stopAndGoOn requires that a run that is stopped after some step and goes on ends as one that was
// not, and returns that end.
func stopAndGoOn(t *testing.T, stops []int,
	prepare func(testing.TB, string, int) *Loop) map[string][]float32 {
	whole := prepare(t, t.TempDir(), 1)
	if err := whole.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	want := state(whole.Model)
	for _, stop := range stops {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(context.Background())
		l := prepare(t, dir, 1)
		l.Observe = func(m Metrics) error {
			if m.Step == stop {
				cancel()
			}
			return nil
		}
		if err := l.Run(ctx); !errors.Is(err, ErrInterrupted) {
			t.Fatalf("stop after %d: %v, want %v", stop, err, ErrInterrupted)
		}
		l = prepare(t, dir, 2)
		if l.State.Step != stop {
			t.Errorf("resumes at step %d, want %d", l.State.Step, stop)
		}
		if err := l.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, state(l.Model), want)
	}
	return want
}

// killed is the environment variable that makes a test process the victim of TestKillAndResume.
const killed = "LONGLORA_TEST_KILLED_RUN"

// TestKillAndResume kills a process that trains, again and again, at random moments, and goes on
// from whatever it left.
func TestKillAndResume(t *testing.T) {
	if dir := os.Getenv(killed); dir != "" {
		l := prepare(t, dir, 1)
		l.SaveEvery = 1
		l.Observe = func(Metrics) error { time.Sleep(5 * time.Millisecond); return nil }
		if err := l.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		return
	}
	whole := prepare(t, t.TempDir(), 2)
	if err := whole.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	dir, rng := t.TempDir(), rand.New(rand.NewPCG(3, 4))
	dataset(t, filepath.Join(dir, "shards"), 17)
	for kills, done := 0, false; !done; kills++ {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKillAndResume$")
		cmd.Env = append(os.Environ(), killed+"="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Ever later, so that a slow machine comes to the end too; a machine that is still slower is
		// let alone in the end.
		life := time.Duration((60+rng.IntN(120))*(1+kills)) * time.Millisecond
		kill := time.AfterFunc(life, func() {
			if kills < 8 {
				cmd.Process.Kill() //nolint:errcheck // it may have ended
			}
		})
		err := cmd.Wait()
		kill.Stop()
		if done = err == nil; !done && kills >= 8 {
			t.Fatal(err)
		}
	}
	l := prepare(t, dir, 1)
	if l.State.Step != l.Steps {
		t.Fatalf("ended at step %d", l.State.Step)
	}
	want := state(whole.Model)
	for _, p := range whole.Model.Params() {
		if !p.Trainable {
			delete(want, p.Name)
		}
	}
	wantEqual(t, state(l.Model), want)
}

// TestDivergenceStops: a loss that is not finite ends the run and names the step and what is good.
func TestDivergenceStops(t *testing.T) {
	dir := t.TempDir()
	l := prepare(t, dir, 1)
	l.Observe = func(m Metrics) error {
		if m.Step == 4 { // spoil a parameter after the step
			p := l.Model.Params().Trainable()[0]
			values := l.Model.Values(p)
			values[0] = float32(math.Inf(1))
			for i := range values {
				values[i] = values[0]
			}
			l.Model.Backend().Write(p.Value, values)
		}
		return nil
	}
	err := l.Run(context.Background())
	if !errors.Is(err, ErrDiverged) || !strings.Contains(err.Error(), "step 5") ||
		!strings.Contains(err.Error(), "the last checkpoint, of step 3, is from before") {
		t.Errorf("error %v", err)
	}
	if latest, _ := checkpoint.Latest(l.Checkpoints); filepath.Base(latest) != "step-000003" {
		t.Errorf("latest checkpoint %s", latest)
	}
}

// TestMicroBatchesDoNotChangeTheStep compares the step's gradient for several micro-batch sizes.
func TestMicroBatchesDoNotChangeTheStep(t *testing.T) {
	dir := t.TempDir()
	var want float64
	for i, tokens := range []int{1000, 100, 1} {
		l := prepare(t, dir, 1)
		l.MicroTokens = tokens
		for _, p := range l.Model.Params().Adapters() { // without dropout, whose masks differ
			l.Model.Backend().Zero(p.Value)
		}
		m, err := l.update(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			want = m.GradNorm
		}
		// Sums over some 200 tokens in another order.
		if d := math.Abs(m.GradNorm-want) / want; d > 200*0x1p-24 {
			t.Errorf("%d tokens at a time: gradient norm %g, want %g", tokens, m.GradNorm, want)
		}
	}
}

func TestMetricsLogDropsLaterSteps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	steps := func() (all []string) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			all = append(all, strings.SplitN(line, ",", 2)[0])
		}
		return all
	}
	log, err := OpenLog(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		if err := log.Write(Metrics{Step: n + 1}); err != nil {
			t.Fatal(err)
		}
	}
	log.Close()
	if log, err = OpenLog(path, 3); err != nil {
		t.Fatal(err)
	}
	if err := log.Write(Metrics{Step: 4}); err != nil {
		t.Fatal(err)
	}
	log.Close()
	var want []string
	for n := range 4 {
		want = append(want, fmt.Sprintf(`{"step":%s`, strconv.Itoa(n+1)))
	}
	if got := steps(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// ranks is a World of goroutines: each collective waits for all of them.
type ranks struct {
	*meeting
	rank int
	b    kernels.Backend
}

// meeting is where ranks exchange what they have.
type meeting struct {
	size    int
	arrive  chan [][]float64
	deliver chan [][]float64
}

func newMeeting(size int) *meeting {
	m := &meeting{size, make(chan [][]float64), make(chan [][]float64)}
	go func() { // each round: one list from each rank, in order of rank; then all to all
		for {
			all := make([][]float64, size)
			for range size {
				x, ok := <-m.arrive
				if !ok {
					return
				}
				all[int(x[0][0])] = x[1]
			}
			for range size {
				m.deliver <- all
			}
		}
	}()
	return m
}

func (r ranks) Rank() int { return r.rank }
func (r ranks) Size() int { return r.size }

func (r ranks) sum(x []float64) []float64 {
	r.arrive <- [][]float64{{float64(r.rank)}, x}
	total := make([]float64, len(x))
	for _, part := range <-r.deliver {
		for i, v := range part {
			total[i] += v
		}
	}
	return total
}

func (r ranks) AllReduceScalar(x float64) (float64, error) { return r.sum([]float64{x})[0], nil }

func (r ranks) AllReduceSum(ts ...kernels.Tensor) error {
	for _, t := range ts {
		values := make([]float32, t.Len())
		r.b.Read(values, t)
		wide := make([]float64, len(values))
		for i, v := range values {
			wide[i] = float64(v)
		}
		for i, v := range r.sum(wide) {
			values[i] = float32(v)
		}
		r.b.Write(t, values)
	}
	return nil
}

// TestRanksShareTheStep: two ranks, each with its part of every step, end with the same parameters,
// which are those of one rank up to the order of sums.
func TestRanksShareTheStep(t *testing.T) {
	start := func(dir string, w kernels.World) *Loop {
		l := prepare(t, dir, 1)
		l.Steps, l.Schedule.Steps, l.World = 3, 3, w
		l.Clip = 0
		for _, p := range l.Model.Params().Adapters() { // without dropout, whose masks differ
			l.Model.Backend().Zero(p.Value)
		}
		return l
	}
	dir := t.TempDir()
	alone := start(t.TempDir(), kernels.Solo{})
	if err := alone.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	dataset(t, filepath.Join(dir, "shards"), 17)
	m := newMeeting(2)
	defer close(m.arrive)
	loops := make([]*Loop, 2)
	failed := make(chan error, 2)
	for rank := range loops {
		l := start(dir, nil)
		l.World = ranks{m, rank, l.Model.Backend()}
		loops[rank] = l
		go func() { failed <- l.Run(context.Background()) }()
	}
	for range loops {
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
	wantEqual(t, state(loops[1].Model), state(loops[0].Model))
	for name, want := range state(alone.Model) {
		got := state(loops[0].Model)[name]
		var d, n float64
		for i := range want {
			d += math.Pow(float64(got[i])-float64(want[i]), 2)
			n += math.Pow(float64(want[i]), 2)
		}
		// Gradients differ by a few hundred roundings; Adam's quotient keeps that relative size,
		// three times over.
		if d > 0 && math.Sqrt(d/n) > 1000*0x1p-24 {
			t.Errorf("%s: relative distance %.3g from one rank", name, math.Sqrt(d/n))
		}
	}
}
