"""Trains a tiny random model with TRL on a dataset that was written with --hf-columns.

Usage: trl_run.py DATASET

With a learning rate of 0 the losses that TRL logs are those of the model as it was. They must be what
the rows say: the mean over the loss spans' tokens, each predicted from those before it in its document
(padding-free, with `doc_lens` as TRL's `seq_lengths`), or in its row (TRL's default). Then a few steps
with a learning rate must bring the loss down.
"""

import sys
import tempfile

import datasets
import torch
import transformers
import trl


def tiny(vocabulary):
    torch.manual_seed(0)
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=vocabulary, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=4096,
    )).float()


def expected(model, row, by_document):
    """The loss of a row from its own columns, document by document, with no column that was derived."""
    scored = [False] * row["n_tokens"]
    for span in row["loss_spans"]:
        for t in range(span["start"], span["end"]):
            scored[t] = True
    total, count, at = 0.0, 0, 0
    for n in row["doc_lens"] if by_document else [row["n_tokens"]]:
        ids = torch.tensor([row["input_ids"][at:at + n]])
        with torch.no_grad():
            logits = model(ids).logits[0, :-1].double()
        losses = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none")
        for t in range(1, n):
            if scored[at + t]:
                total, count = total + losses[t - 1].item(), count + 1
        at += n
    return total / count


def train(rows, tokenizer, rate, steps, padding_free):
    columns = {"input_ids", "labels"} | ({"seq_lengths"} if padding_free else set())
    rows = rows.rename_column("doc_lens", "seq_lengths")
    rows = rows.select_columns(sorted(columns))
    with tempfile.TemporaryDirectory() as out:
        model = tiny(len(tokenizer))
        trainer = trl.SFTTrainer(
            model=model, train_dataset=rows, processing_class=tokenizer,
            args=trl.SFTConfig(
                output_dir=out, max_steps=steps, per_device_train_batch_size=1, learning_rate=rate,
                lr_scheduler_type="constant", logging_steps=1, save_strategy="no", report_to=[], use_cpu=True,
                bf16=False, gradient_checkpointing=False, padding_free=padding_free, max_length=None,
                train_sampling_strategy="sequential", disable_tqdm=True, dataset_num_proc=None,
            ),
        )
        trainer.train()
        return [h["loss"] for h in trainer.state.log_history if "loss" in h]


def main():
    directory = sys.argv[1]
    rows = datasets.load_dataset(directory)["train"]
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=f"{directory}/tokenizer.json")
    tokenizer.pad_token = tokenizer.eos_token = tokenizer.convert_ids_to_tokens(0)
    steps = 4
    rows = rows.select(range(steps))
    model = tiny(len(tokenizer))
    for padding_free in (False, True):
        got = train(rows, tokenizer, 0.0, steps, padding_free)
        want = [expected(model, row, padding_free) for row in rows]
        # logged losses are rounded to 4 digits behind the point, sums of float32 to about 1e-6 relative
        assert all(abs(g - w) < 1e-4 for g, w in zip(got, want)) and len(got) == steps, (got, want)
        print(f"TRL {trl.__version__}, padding_free={padding_free}: losses {got} are those of the rows")
    learnt = train(rows, tokenizer, 1e-2, 12, False)
    assert learnt[-1] < learnt[0] - 0.5, learnt
    print(f"TRL {trl.__version__}: 12 steps bring the loss from {learnt[0]:.2f} to {learnt[-1]:.2f}")


main()
