"use strict";

const $ = (id) => document.getElementById(id);
const state = { text: "", name: "", model: "", running: null };

// load shows a dropped or chosen file.
async function load(file) {
  if (!file) return;
  const text = await file.text();
  if (text.includes("\u0000")) {
    say(`${file.name} is no text file`, true);
    return;
  }
  state.text = text;
  state.name = file.name;
  $("document").textContent = text;
  $("about").textContent = `${file.name}: ${text.length.toLocaleString("en")} characters`;
  $("about").hidden = false;
  $("answer").textContent = "";
  $("evidence").hidden = true;
  say("");
}

function say(text, wrong = false) {
  $("status").textContent = text;
  $("status").classList.toggle("wrong", wrong);
}

function headers() {
  const h = { "Content-Type": "application/json" };
  if ($("token").value) h.Authorization = `Bearer ${$("token").value}`;
  return h;
}

async function findModel() {
  const reply = await fetch("v1/models", { headers: headers() });
  if (reply.status === 401) {
    $("secret").hidden = false;
    say("This server wants a token.");
    return;
  }
  if (!reply.ok) throw new Error(`the server answers ${reply.status}`);
  const list = await reply.json();
  state.model = list.data[0].id;
  $("model").textContent = `${state.model}, ${list.data[0].max_model_len.toLocaleString("en")} tokens`;
}

// content is what the model is asked: the document, then the question.
function content() {
  let question = $("question").value.trim();
  if ($("quote").checked) question += "\nQuote the passages that say so, in quotation marks.";
  return state.text ? `${state.text.trimEnd()}\n\n${question}` : question;
}

async function ask(event) {
  event.preventDefault();
  if (state.running) return;
  state.running = new AbortController();
  $("ask").disabled = true;
  $("stop").hidden = false;
  $("answer").textContent = "";
  $("evidence").hidden = true;
  clearMarks();
  say("Reading…");
  try {
    if (!state.model) await findModel();
    await receive(await fetch("v1/chat/completions", {
      method: "POST", headers: headers(), signal: state.running.signal,
      body: JSON.stringify({
        model: state.model, stream: true, temperature: 0, stream_options: { include_usage: true },
        messages: [{ role: "user", content: content() }],
      }),
    }));
  } catch (e) {
    if (e.name === "AbortError") say("Stopped.");
    else say(e.message, true);
  } finally {
    state.running = null;
    $("ask").disabled = false;
    $("stop").hidden = true;
    $("progress").hidden = true;
    showEvidence();
  }
}

// receive reads the stream: comments tell how much was read, data is text.
async function receive(reply) {
  if (!reply.ok) {
    if (reply.status === 401) $("secret").hidden = false;
    const body = await reply.json().catch(() => null);
    throw new Error(body && body.error ? body.error.message : `the server answers ${reply.status}`);
  }
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer += value;
    const parts = buffer.split("\n\n");
    buffer = parts.pop();
    parts.forEach(take);
  }
}

function take(part) {
  const read = part.match(/^: read (\d+) of (\d+)$/);
  if (read) {
    $("progress").hidden = false;
    $("progress").value = read[1] / read[2];
    say(`Read ${read[1]} of ${read[2]} tokens`);
    return;
  }
  if (!part.startsWith("data: ") || part === "data: [DONE]") return;
  const data = JSON.parse(part.slice(6));
  if (data.error) throw new Error(data.error.message);
  if (data.choices.length) {
    $("progress").hidden = true;
    $("answer").textContent += data.choices[0].delta.content || "";
  }
  if (data.usage) {
    const u = data.usage;
    say(`${u.prompt_tokens} tokens read, ${u.prompt_tokens_details.cached_tokens} of them cached; ` +
      `${u.completion_tokens} written`);
  }
}

// words returns the words of a text, in lower case, with where they stand.
function words(text) {
  return [...text.matchAll(/[\p{L}\p{N}]+/gu)].map((m) => ({
    word: m[0].toLowerCase(), from: m.index, to: m.index + m[0].length,
  }));
}

const RUN = 4; // words: shorter runs are met by chance

// passages finds the runs of at least RUN words that stand in the answer and in the document, the
// longest from each place of the answer on.
function passages(answer, text) {
  const a = words(answer), d = words(text), places = new Map();
  d.forEach((_, i) => {
    if (i + RUN > d.length) return;
    const key = d.slice(i, i + RUN).map((w) => w.word).join(" ");
    if (!places.has(key)) places.set(key, []);
    places.get(key).push(i);
  });
  const found = [];
  for (let i = 0; i + RUN <= a.length;) {
    const key = a.slice(i, i + RUN).map((w) => w.word).join(" ");
    let best = 0, at = -1;
    for (const p of places.get(key) || []) {
      let n = RUN;
      while (i + n < a.length && p + n < d.length && a[i + n].word === d[p + n].word) n++;
      if (n > best) [best, at] = [n, p];
    }
    if (at >= 0) found.push({ from: d[at].from, to: d[at + best - 1].to });
    i += best || 1;
  }
  return found;
}

function clearMarks() {
  if (state.text) $("document").textContent = state.text;
}

// showEvidence marks in the document what the answer quotes.
function showEvidence() {
  const answer = $("answer").textContent;
  if (!state.text || !answer) return;
  const found = passages(answer, state.text);
  const inOrder = [...found].sort((x, y) => x.from - y.from);
  const out = document.createDocumentFragment();
  let end = 0;
  for (const p of inOrder) {
    if (p.from < end) continue;
    out.append(state.text.slice(end, p.from));
    p.mark = document.createElement("mark");
    p.mark.textContent = state.text.slice(p.from, p.to);
    out.append(p.mark);
    end = p.to;
  }
  out.append(state.text.slice(end));
  $("document").replaceChildren(out);
  $("passages").replaceChildren(...inOrder.filter((p) => p.mark).map((p) => {
    const item = document.createElement("li");
    item.textContent = p.mark.textContent;
    item.addEventListener("click", () => {
      document.querySelectorAll("mark.now").forEach((m) => m.classList.remove("now"));
      p.mark.classList.add("now");
      p.mark.scrollIntoView({ block: "center" });
    });
    return item;
  }));
  $("evidence").hidden = false;
  if (!found.length) $("passages").replaceChildren("The answer quotes nothing of the document.");
  else inOrder[0].mark.scrollIntoView({ block: "center" });
}

const drop = $("drop");
drop.addEventListener("dragover", (e) => { e.preventDefault(); drop.classList.add("over"); });
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (e) => {
  e.preventDefault();
  drop.classList.remove("over");
  load(e.dataTransfer.files[0]);
});
$("file").addEventListener("change", (e) => load(e.target.files[0]));
$("form").addEventListener("submit", ask);
$("stop").addEventListener("click", () => state.running && state.running.abort());
$("token").addEventListener("change", () => findModel().catch((e) => say(e.message, true)));
findModel().catch((e) => say(e.message, true));
