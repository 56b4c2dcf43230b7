"use strict";
// The page of longqa review: one row at a time, its context with the evidence marked, decisions by key.

const $ = (id) => document.getElementById(id);
const state = { rows: [], at: 0, row: null, marks: [], mark: -1, context: -1, text: "", filter: "all", turn: 0 };
const blockChars = 6000; // of a context's blocks: the browser lays out those in sight alone

async function get(path) {
  const r = await fetch(path);
  if (!r.ok) throw new Error((await r.text()).trim() || r.statusText);
  return r;
}

function say(text, bad) {
  $("message").textContent = text;
  $("message").className = bad ? "bad" : "";
  clearTimeout(say.timer);
  if (!bad) say.timer = setTimeout(() => { $("message").textContent = ""; }, 1500);
}

// utf16 turns code point offsets, in order, into string offsets.
function utf16(text, points) {
  if (!/[\ud800-\udbff]/.test(text)) return points;
  const out = [];
  let units = 0, chars = 0, i = 0;
  for (const c of text) {
    while (i < points.length && points[i] === chars) { out.push(units); i++; }
    units += c.length;
    chars++;
  }
  while (i < points.length) { out.push(units); i++; }
  return out;
}

// spansOf are the evidence's string offsets, in order, without overlaps.
function spansOf(row, text) {
  const points = [...new Set(row.evidence.flatMap((e) => [e.start, e.end]))].sort((a, b) => a - b);
  const units = utf16(text, points);
  const at = new Map(points.map((p, i) => [p, units[i]]));
  const spans = [];
  for (const e of [...row.evidence].sort((a, b) => a.start - b.start || a.end - b.end)) {
    const s = [at.get(e.start), at.get(e.end)];
    const last = spans[spans.length - 1];
    if (last && s[0] < last[1]) last[1] = Math.max(last[1], s[1]);
    else spans.push(s);
  }
  return spans;
}

// draw writes the context in blocks that end with lines, evidence in marks. A mark over several blocks is
// several elements of one number.
function draw(text, spans) {
  const box = document.createDocumentFragment();
  let n = 0;
  for (let from = 0; from < text.length;) {
    let to = Math.min(from + blockChars, text.length);
    const line = text.indexOf("\n", to);
    to = to >= text.length || line < 0 || line - to > blockChars ? to : line + 1;
    if (to < text.length && /[\udc00-\udfff]/.test(text[to])) to++;
    const block = document.createElement("div");
    block.className = "block";
    let at = from;
    while (n < spans.length && spans[n][0] < to) {
      const [start, end] = [Math.max(spans[n][0], from), Math.min(spans[n][1], to)];
      if (start > at) block.append(text.slice(at, start));
      if (end > start) {
        const m = document.createElement("mark");
        m.dataset.n = n;
        m.textContent = text.slice(start, end);
        block.append(m);
      }
      at = Math.max(at, end);
      if (spans[n][1] > to) break;
      n++;
    }
    if (at < to) block.append(text.slice(at, to));
    box.append(block);
    from = to;
  }
  $("context").replaceChildren(box);
}

// go scrolls to a mark. Blocks out of sight have estimated heights, so it is done again when they have
// their own.
function go(n, quiet) {
  if (!state.marks.length) return;
  state.mark = (n + state.marks.length) % state.marks.length;
  for (const m of $("context").querySelectorAll("mark.now")) m.classList.remove("now");
  const parts = $("context").querySelectorAll(`mark[data-n="${state.mark}"]`);
  for (const m of parts) m.classList.add("now");
  [...$("evidence").children].forEach((li, i) => li.classList.toggle("now", i === state.mark));
  const show = () => parts[0].scrollIntoView({ block: parts[0].offsetHeight > innerHeight / 2 ? "start" : "center" });
  show();
  requestAnimationFrame(() => { show(); requestAnimationFrame(show); });
  if (!quiet) $("evidence").children[state.mark]?.scrollIntoView({ block: "nearest" });
}

function text(id, value) { $(id).textContent = value; }

function facts(row) {
  const bits = [row.task, row.genre, `${row.n_tokens.toLocaleString("en")} tokens`, row.split];
  $("facts").replaceChildren();
  bits.filter(Boolean).forEach((b, i) => {
    if (i) $("facts").append(" · ");
    const e = document.createElement(i ? "span" : "b");
    e.textContent = b;
    $("facts").append(e);
  });
}

function origin(row) {
  const all = [["answer", row.answer_source], ["licence", row.licence], ["id", row.id],
    ["documents", row.doc_ids.join("\n")],
    ["asked", row.question_first ? "before the material" : "after the material"],
    ...Object.entries(row.meta || {}).sort()];
  $("origin").replaceChildren();
  for (const [k, v] of all) {
    const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
    dt.textContent = k;
    dd.textContent = v;
    $("origin").append(dt, dd);
  }
}

function turns(row) {
  $("turns").replaceChildren();
  for (const t of row.turns || []) {
    for (const [head, body] of [["Then", t.question], ["Answer", t.answer]]) {
      const [h, p] = [document.createElement("h2"), document.createElement("p")];
      h.textContent = head;
      p.textContent = body;
      p.className = "text";
      $("turns").append(h, p);
    }
  }
}

function shown() {
  return state.rows.map((_, i) => i).filter((i) => matches(state.rows[i], state.filter));
}

function matches(row, filter) {
  if (filter === "all") return true;
  if (filter === "undecided") return !row.decision;
  if (filter === "keep" || filter === "reject") return row.decision === filter;
  return row.task === filter.slice("task:".length);
}

function header() {
  const kept = state.rows.filter((r) => r.decision === "keep").length;
  const rejected = state.rows.filter((r) => r.decision === "reject").length;
  text("place", `row ${state.at + 1} of ${state.rows.length}`);
  text("counts", `${kept} kept, ${rejected} rejected, ${state.rows.length - kept - rejected} undecided`);
  $("progress").value = (kept + rejected) / state.rows.length;
  const d = state.rows[state.at].decision;
  $("card").className = d === "keep" ? "kept" : d === "reject" ? "rejected" : "";
}

async function show(i) {
  const turn = ++state.turn;
  state.at = i;
  header();
  const row = await (await get(`/api/row/${i}`)).json();
  if (row.context_index !== state.context) {
    const body = await (await get(`/api/context/${row.context_index}`)).text();
    if (turn !== state.turn) return; // another row was asked for meanwhile
    state.text = body;
    state.context = row.context_index;
  }
  if (turn !== state.turn) return;
  state.row = row;
  facts(row);
  text("question", row.instruction);
  text("answer", row.output);
  turns(row);
  origin(row);
  $("note").value = state.rows[i].note || "";
  evidence(row);
  $("card").scrollTop = 0;
  location.replace(`#${i + 1}`);
  document.body.dataset.shown = i;
}

function evidence(row) {
  let spans = spansOf(row, state.text);
  const covered = spans.reduce((n, s) => n + s[1] - s[0], 0);
  const whole = covered > state.text.length / 2;
  if (whole) spans = [];
  $("context").className = row.genre === "code" ? "" : "prose";
  draw(state.text, spans);
  state.marks = spans;
  text("evidence-count", whole ? "(the whole material)" : spans.length ? `(${spans.length})` : "(none)");
  $("evidence").replaceChildren(...spans.map(([a, b], n) => {
    const li = document.createElement("li");
    const quote = state.text.slice(a, b).trim().replace(/\s+/g, " ");
    li.textContent = quote.length > 220 ? quote.slice(0, 220) + "…" : quote;
    li.onclick = () => go(n);
    return li;
  }));
  if (spans.length) go(0, true);
  else $("context").scrollTop = 0;
}

function step(by) {
  const all = shown();
  if (!all.length) return say("no row matches");
  const next = by > 0 ? all.find((i) => i > state.at) : all.findLast((i) => i < state.at);
  if (next === undefined) return say(by > 0 ? "this is the last row" : "this is the first row");
  move(next);
}

function nextUndecided() {
  const n = state.rows.length;
  for (let k = 1; k <= n; k++) {
    const i = (state.at + k) % n;
    if (!state.rows[i].decision) return move(i);
  }
  say("every row is decided");
}

function move(i) { show(i).catch((e) => say(e.message, true)); }

async function decide(decision) {
  const n = state.at;
  try {
    const r = await fetch("/api/decide", {
      method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ n, decision, note: decision === "none" ? "" : $("note").value.trim() }),
    });
    if (!r.ok) throw new Error((await r.text()).trim());
    state.rows[n] = { ...state.rows[n], ...(await r.json()) };
  } catch (e) {
    return say(`not kept: ${e.message}; is longqa review still running?`, true);
  }
  say({ keep: "kept", reject: "rejected", none: "taken back" }[decision]);
  header();
  document.body.dataset.decided = n;
  if (decision !== "none") step(1);
}

const keys = {
  k: () => decide("keep"), r: () => decide("reject"), u: () => decide("none"),
  ArrowRight: () => step(1), j: () => step(1), ArrowLeft: () => step(-1), p: () => step(-1),
  n: () => go(state.mark + 1), b: () => go(state.mark - 1), g: nextUndecided,
  c: () => $("note").focus(),
};

document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.target === $("note")) {
    if (e.key === "Escape" || e.key === "Enter") $("note").blur();
    return;
  }
  if (e.target === $("filter")) return;
  const act = keys[e.key];
  if (act) { e.preventDefault(); act(); }
});

async function begin() {
  const { name, rows } = await (await get("/api/rows")).json();
  state.rows = rows;
  text("name", name);
  document.title = `${name} – review`;
  const tasks = [...new Set(rows.map((r) => r.task))].sort();
  for (const [v, t] of [["all", "all rows"], ["undecided", "undecided"], ["keep", "kept"],
    ["reject", "rejected"], ...tasks.map((t) => [`task:${t}`, `task ${t}`])]) {
    $("filter").append(new Option(t, v));
  }
  $("filter").onchange = () => {
    state.filter = $("filter").value;
    $("filter").blur();
    const all = shown();
    if (all.length && !all.includes(state.at)) move(all[0]);
    else if (!all.length) say("no row matches");
  };
  $("keep").onclick = () => decide("keep");
  $("reject").onclick = () => decide("reject");
  $("undo").onclick = () => decide("none");
  const asked = Number(location.hash.slice(1)) - 1;
  const first = rows.findIndex((r) => !r.decision);
  await show(rows[asked] ? asked : Math.max(first, 0));
}

begin().catch((e) => say(e.message, true));
