package run

import "longlora/trainer/open"

// Config holds every option of `trainer sft` and `trainer pretrain`. Each is a key of the run file
// and, with dashes for underscores, a flag. Zero values that stand for "determined by something
// else" say so; Resolve fills them in. A group, under which --help lists options, begins at the
// field that names it.
type Config struct {
	// Model is a Hugging Face folder, the output directory of a run that made one, or "base": the
	// embedded model.
	Model string `group:"Model" yaml:"model" usage:"base model: a folder as Hugging Face has it, or base (embedded)"`
	// Init is the config.json of a model to train from scratch; Model is not used then.
	Init string `yaml:"init" usage:"train from scratch the model that this config.json describes"`

	// Adapter is the folder of an adapter, or the output directory of a run that made one, to train on:
	// its base is Model's default.
	Adapter string `yaml:"adapter" usage:"adapter to go on from; its base and the shape of its matrices are taken over"`

	// Shards is a path or a URL, which may be pinned by @sha256:DIGEST.
	Shards string `group:"Data" yaml:"shards" usage:"dataset of sequence shards: a folder, URL[@sha256:DIGEST] or grpc://HOST:PORT@DIGEST"`
	// Cache and CacheSize are the folder and the size of the cache for shards of object stores.
	Cache     string `yaml:"cache" usage:"folder that keeps shards of object stores"`
	CacheSize string `yaml:"cache_size" usage:"most bytes that a cache holds, as 500MB or 32GiB"`
	// DecodedCache is the folder of the cache for decoded row groups, of the same size; "": none.
	DecodedCache string `yaml:"decoded_cache" usage:"folder that keeps shards decoded, as Arrow IPC"`
	Split        string `yaml:"split" usage:"split to train on"`
	Validation   string `yaml:"validation" usage:"split to validate on; unused if the shards lack it"`
	// CheckTokenizer requires that the shards' tokenizer is the model's, byte for byte.
	CheckTokenizer bool   `yaml:"check_tokenizer" usage:"require the model's own tokenizer"`
	Out            string `group:"Run" yaml:"out" usage:"output directory (default runs/COMMAND-DATASET)"`

	// Context is the most tokens of a sequence and the length that RoPE is extended to; 0: the
	// shards' own.
	Context int `group:"Context and attention" yaml:"context" usage:"longest sequence in tokens; 0: the shards' context"`
	// Attention is a pattern of kernels/pattern, or auto: s2, and full for a model trained from scratch.
	Attention string `yaml:"attention" usage:"pattern: s2, full, local, shifted, or auto: full with --init, else s2"`
	// AttnSchedule names the patterns of shares of the steps, in order; then Attention is auto.
	AttnSchedule []string `yaml:"attn_schedule,omitempty" usage:"patterns by share of the steps, as s2:0.8,full:0.2; s2@512 has groups of 512"`
	// AttnLayers names layers that keep to a pattern of their own at every step.
	AttnLayers []string `yaml:"attn_layers,omitempty" usage:"layers with a pattern of their own, as 0-3:full,4-:s2"`
	// Group is the group size in tokens of patterns that name none; 0: a quarter of the context.
	Group           int  `yaml:"group" usage:"group size of S2 in tokens; 0: a quarter of the context"`
	AcrossDocuments bool `yaml:"across_documents" usage:"let packed documents see those before them"`
	// Rope is the kind of extension when the context is longer than the model's, as rope.Extend
	// takes it.
	Rope string `yaml:"rope" usage:"kind of RoPE extension for a context longer than the model's"`

	Method string `group:"What is trained" yaml:"method" usage:"lora, or full: every parameter is trained"`
	// Train names the groups of base parameters trained beside the adapters.
	Train []string `yaml:"train" usage:"trained beside the adapters: embed, norm, head"`
	// TrainTokens are tokens, or ranges of them, whose rows of the embedding are trained alone.
	TrainTokens []string `yaml:"train_tokens,omitempty" usage:"tokens whose embedding rows are trained alone, as 32000,32002-32010"`
	LoRATargets []string `yaml:"lora_targets" usage:"modules that get an adapter: ends of names, as 3.mlp.up_proj, or all-linear"`
	// LoRAPattern is a regular expression of whole names instead.
	LoRAPattern string  `yaml:"lora_pattern,omitempty" usage:"regular expression of whole names of modules, instead of --lora-targets"`
	LoRARank    int     `yaml:"lora_rank" usage:"rank of the adapters"`
	LoRAAlpha   float64 `yaml:"lora_alpha" usage:"adapters are scaled by alpha/rank"`
	// LoRARanks and LoRAAlphas are those of modules by regular expressions of the ends of their names, as
	// PEFT's rank_pattern and alpha_pattern.
	LoRARanks   []string `yaml:"lora_ranks,omitempty" usage:"ranks of some modules, as down_proj=16; the first that fits counts"`
	LoRAAlphas  []string `yaml:"lora_alphas,omitempty" usage:"alphas of some modules, as down_proj=32"`
	RSLoRA      bool     `yaml:"rslora,omitempty" usage:"scale adapters by alpha/sqrt(rank)"`
	DoRA        bool     `yaml:"dora,omitempty" usage:"train the magnitude of each output beside (DoRA)"`
	LoRADropout float64  `yaml:"lora_dropout" usage:"dropout of the adapters' input"`

	// Engine is native, whose gradients are written by hand, or gorgonia, which derives them from a
	// graph of the forward computation.
	Engine string `group:"Precision and memory" yaml:"engine" usage:"native, or gorgonia: derived gradients; slower, larger"`
	// Weights is the storage of frozen matrices, one of model.Storages. With nf4 and int8 it is that of
	// the decoder layers' linear layers; the others are brain floats. A base that stores such codes is
	// read as it is.
	Weights string `yaml:"weights" usage:"storage of frozen matrices: f32, bf16, nf4 or int8 (QLoRA); on a GPU bf16 or nf4"`
	// Precision is f32, or bf16: operands of matrix products are rounded to brain floats. Sums,
	// what is stored and the values that are trained stay float32.
	Precision string `yaml:"precision" usage:"operands of matrix products: f32 or bf16; sums are float32"`
	// Recompute is none, layer, offload or auto: what takes least time of what fits. No choice changes a
	// bit of the result.
	Recompute string `yaml:"recompute" usage:"what is not kept for gradients: none, layer, offload (layer, and inputs to the host), or auto"`
	// Memory is what the process may take, as "2GiB". Empty: what the machine or the container has, of
	// which auto uses three quarters of what is free.
	Memory string `yaml:"memory" usage:"memory of the process, as 2GiB; default: three quarters of what is free"`

	Steps int `group:"Optimization" yaml:"steps" usage:"steps to train"`
	// Epochs sets Steps to that many passes over the data, rounded up.
	Epochs int `yaml:"epochs" usage:"passes over the data, instead of --steps"`
	// Batch is the number of sequences of a step.
	Batch int `yaml:"batch" usage:"sequences of a step"`
	// MicroTokens bounds the tokens that are computed together; memory grows with it.
	MicroTokens int     `yaml:"micro_tokens" usage:"tokens of short sequences computed together"`
	LR          float64 `yaml:"lr" usage:"peak learning rate"`
	MinLR       float64 `yaml:"min_lr" usage:"learning rate that linear, cosine and wsd end with"`
	Warmup      int     `yaml:"warmup" usage:"steps of linear warm-up"`
	Schedule    string  `yaml:"schedule" usage:"after warm-up: constant, linear, cosine, or wsd: constant, then linear"`
	// DecaySteps are wsd's last steps, in which the rate falls.
	DecaySteps int `yaml:"decay_steps,omitempty" usage:"last steps in which wsd's learning rate falls; 0: a tenth"`
	// GroupLR and GroupDecay have entries GROUP=NUMBER, of train.RateGroups.
	GroupLR     []string `yaml:"group_lr,omitempty" usage:"peak rates of embed, norm, head, linear, lora, lora_a, lora_b, magnitude, as embed=1e-4"`
	GroupDecay  []string `yaml:"group_decay,omitempty" usage:"weight decays of groups, as embed=0.1"`
	LoRAPlus    float64  `yaml:"lora_plus,omitempty" usage:"rate of adapters' B by that of A (LoRA+); 0: the same"`
	WeightDecay float64  `yaml:"weight_decay" usage:"AdamW's decay of all but norms"`
	// Optimizer is adamw, or adamw8bit: moments of matrices are kept in eight bits (package optimizer).
	Optimizer string  `yaml:"optimizer" usage:"adamw, or adamw8bit: moments in eight bits, by blocks"`
	Beta1     float64 `yaml:"beta1" usage:"AdamW's beta1"`
	Beta2     float64 `yaml:"beta2" usage:"AdamW's beta2"`
	Eps       float64 `yaml:"eps" usage:"AdamW's epsilon"`
	// LossMean is token or document: whether a document counts by its targets or, whatever their number,
	// by its weight.
	LossMean string  `yaml:"loss_mean" usage:"what the loss is the mean over: token or document"`
	Clip     float64 `yaml:"clip" usage:"greatest gradient norm; 0: not clipped"`
	NEFTune  float64 `yaml:"neftune,omitempty" usage:"noise on embeddings (NEFTune's alpha, as 5); 0: none"`
	Seed     uint64  `yaml:"seed" usage:"seed of initial values, order and dropout"`
	Shuffle  bool    `yaml:"shuffle" usage:"shuffle each epoch; false: file order"`

	EvalEvery int `group:"Validation and checkpoints" yaml:"eval_every" usage:"steps between validations; 0: only at the end"`
	// EvalSequences is the number of sequences of a validation, from the split's begin; 0: all.
	EvalSequences int `yaml:"eval_sequences" usage:"sequences of a validation; 0: all"`
	// EarlyStop ends the run after so many validations without a better one; KeepBest makes the result of
	// the best one's checkpoint.
	EarlyStop int     `yaml:"early_stop,omitempty" usage:"stop after so many validations that are no better; 0: never"`
	MinDelta  float64 `yaml:"min_delta,omitempty" usage:"how much less a loss must be to be better"`
	KeepBest  bool    `yaml:"keep_best,omitempty" usage:"keep the best validation's checkpoint, and make the result of it"`
	SaveEvery int     `yaml:"save_every" usage:"steps between checkpoints; 0: only at the end"`
	Keep      int     `yaml:"keep" usage:"checkpoints to keep; 0: all"`

	// Metrics is the address at which the run tells how it stands; "": none.
	Metrics string `yaml:"metrics,omitempty" usage:"address of metrics for Prometheus, as 127.0.0.1:9090: /metrics"`

	// Device is what computes, as device.Parse reads it. On a GPU frozen matrices and activations are
	// brain floats.
	Device string `group:"Devices" yaml:"device" usage:"cpu, cuda, cuda:N, or auto: a GPU if there is one"`
	// GPUMemory is the most that may be taken of a GPU's memory; "": what is free.
	GPUMemory string `yaml:"gpu_memory" usage:"most memory to take of a GPU, as 24GiB"`
	// EmbedMoments is where a GPU's run keeps AdamW's moments of embedding and head: gpu or host.
	EmbedMoments string `yaml:"embed_moments" usage:"memory of embedding's and head's moments: gpu or host"`
	// Threads is the number of CPU threads; 0: all. It does not change a bit of the result.
	Threads int `yaml:"threads" usage:"CPU threads; 0: all"`
}

// Values of Config.Attention, which takes the names of kernels/pattern too.
const (
	AttentionAuto = "auto"
	AttentionS2   = "s2"
	AttentionFull = "full"
)

// The values of Config.Method.
const (
	MethodLoRA = "lora"
	MethodFull = "full"
)

// The values of Config.Optimizer.
const (
	OptimizerAdamW     = "adamw"
	OptimizerAdamW8Bit = "adamw8bit"
)

// The values of Config.LossMean.
const (
	LossMeanToken    = "token"
	LossMeanDocument = "document"
)

// The values of Config.Recompute.
const (
	RecomputeAuto  = "auto"
	RecomputeNone  = "none"
	RecomputeLayer = "layer"
	// RecomputeOffload is layer, and keeps the layers' inputs in the host's memory.
	RecomputeOffload = "offload"
)

// The values of Config.EmbedMoments.
const (
	MomentsGPU  = "gpu"
	MomentsHost = "host"
)

// Defaults returns LongLoRA's recipe (arXiv 2309.12307, section 4.1 and the authors' scripts).
func Defaults() Config {
	return Config{
		Model: open.Base, CacheSize: "32GiB", Split: "train", Validation: "validation", CheckTokenizer: true,
		Attention: AttentionAuto, Rope: "linear",
		Method: MethodLoRA, Train: []string{"embed", "norm"},
		LoRATargets: []string{"q_proj", "k_proj", "v_proj", "o_proj"}, LoRARank: 8, LoRAAlpha: 16,
		Device: "auto", EmbedMoments: MomentsGPU,
		Engine: EngineNative, Weights: "f32", Precision: "f32", Recompute: RecomputeAuto,
		Steps: 1000, Batch: 64, MicroTokens: 4096,
		LR: 2e-5, Warmup: 20, Schedule: "constant", Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, Clip: 1,
		LossMean: LossMeanToken, Optimizer: OptimizerAdamW,
		Shuffle:       true,
		EvalSequences: 32, SaveEvery: 100, Keep: 3,
	}
}
