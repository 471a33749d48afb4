// What the report is made of: elements, data, the tree, fixes. Everything from the account is hostile: it reaches the
// page as text nodes only (the Content-Security-Policy's trusted types refuse markup), and a fix is quoted before it is
// offered to a shell.
"use strict";

const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en-US");

// Small things ------------------------------------------------------------------------------------------------

const remembered = {
  get theme() { try { return localStorage.getItem("auditor-theme"); } catch { return null; } },
  set theme(value) { try { localStorage.setItem("auditor-theme", value); } catch { /* a private window */ } },
};
if (["dark", "light"].includes(remembered.theme)) document.documentElement.dataset.theme = remembered.theme;

/** Spells out characters that are invisible or reorder their neighbours. */
const UNSEEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const visible = (text) => String(text).replace(UNSEEN, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** An element: make("p.note", {title: "x"}, "text", child). Strings become text nodes. */
function make(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") element.addEventListener("click", value);
    else element.setAttribute(name, name === "title" ? visible(value) : value);
  }
  for (const child of children) {
    if (child === null || child === undefined || child === "") continue;
    element.append(child instanceof Node ? child : visible(child));
  }
  return element;
}

const plural = (count, one, many = one + "s") => `${number.format(count)} ${count === 1 ? one : many}`;
const say = (text) => { $("said").textContent = text; };

async function copy(text, button) {
  let done = "Copied";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const box = make("textarea", { "aria-hidden": "true" });
    box.value = text;
    button.after(box);
    box.select();
    if (!document.execCommand("copy")) done = "Could not copy";
    box.remove();
    button.focus();
  }
  const label = button.textContent;
  button.textContent = done;
  say(done);
  setTimeout(() => { button.textContent = label; }, 1500);
}

/** Reads a block of data: base64, gzip, JSON. */
async function read(id) {
  const text = $(id).textContent;
  const chunks = [];
  for (let at = 0; at < text.length; at += 1 << 20) {
    const raw = atob(text.slice(at, at + (1 << 20)));
    const bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    chunks.push(bytes);
  }
  $(id).remove();
  return new Response(new Blob(chunks).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

// A tree that holds only the rows that are seen -----------------------------------------------------------------

class Tree {
  /** `draw(i)` makes row i; `open(i)`, `widen(i, bool)` answer keys and clicks. */
  constructor(host, { draw, open, widen }) {
    Object.assign(this, { host, draw, open, widen, count: 0, active: 0, shown: new Map() });
    this.space = make("div.space", { role: "presentation" });
    host.append(this.space);
    host.addEventListener("scroll", () => this.paint(), { passive: true });
    host.addEventListener("click", (event) => this.at(event, (i) => { this.focus(i); this.open(i); }));
    host.addEventListener("keydown", (event) => this.at(event, (i) => this.key(event, i)));
    new ResizeObserver(() => this.resized()).observe(host);
  }

  at(event, then) {
    const row = event.target.closest("[data-row]");
    if (row) then(Number(row.dataset.row));
  }

  key(event, i) {
    const page = Math.max(1, Math.floor(this.host.clientHeight / this.height) - 1);
    const last = this.count - 1;
    const keys = { ArrowDown: i + 1, ArrowUp: i - 1, PageDown: i + page, PageUp: i - page, Home: 0, End: last };
    const to = keys[event.key];
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (to !== undefined) this.focus(Math.min(Math.max(to, 0), last));
    else if (event.key === "Enter" || event.key === " ") this.open(i);
    else if (event.key === "ArrowRight" || event.key === "ArrowLeft") this.widen(i, event.key === "ArrowRight");
    else return;
    event.preventDefault();
  }

  focus(i) {
    this.active = i;
    const top = i * this.height;
    if (top < this.host.scrollTop) this.host.scrollTop = top;
    const below = top + this.height - this.host.clientHeight;
    if (below > this.host.scrollTop) this.host.scrollTop = below;
    this.paint(true);
    this.shown.get(i)?.focus({ preventScroll: true });
  }

  /** New rows. Keeps the keyboard's place where it had one. */
  fill(count, active = 0) {
    const held = this.host.contains(document.activeElement);
    this.count = count;
    this.active = Math.min(active, Math.max(count - 1, 0));
    this.host.hidden = !count;
    this.height = 0;
    this.paint();
    if (held && count) this.focus(this.active);
  }

  /** How tall a row is, in pixels. */
  get measured() {
    const rems = getComputedStyle(this.host).getPropertyValue("--row");
    return parseFloat(rems) * parseFloat(getComputedStyle(document.documentElement).fontSize);
  }

  /** Draws the rows anew only where they have another height: a row that has the keyboard stays the same element. */
  resized() {
    if (this.height === this.measured) this.paint();
    else this.fill(this.count, this.active);
  }

  paint(moved = false) {
    if (!this.host.clientWidth || !this.count) return;
    if (!this.height) {
      this.height = this.measured;
      this.space.style.height = `${this.count * this.height}px`;
      for (const row of this.shown.values()) row.remove();
      this.shown.clear();
    }
    const first = Math.max(0, Math.floor(this.host.scrollTop / this.height) - 4);
    const last = Math.min(this.count - 1, first + Math.ceil(this.host.clientHeight / this.height) + 8);
    for (const [i, row] of this.shown) {
      if ((i < first || i > last) && i !== this.active) { row.remove(); this.shown.delete(i); }
      else if (moved) row.tabIndex = i === this.active ? 0 : -1;
    }
    const fresh = document.createDocumentFragment();
    for (let i = first; i <= last; i++) if (!this.shown.has(i)) fresh.append(this.row(i));
    if (!this.shown.has(this.active)) fresh.append(this.row(this.active));
    this.host.append(fresh);
  }

  row(i) {
    const row = this.draw(i);
    row.dataset.row = i;
    row.tabIndex = i === this.active ? 0 : -1;
    row.style.transform = `translateY(${i * this.height}px)`;
    this.shown.set(i, row);
    return row;
  }
}

// A fix, filled in for one resource -----------------------------------------------------------------------------

/**
 * Puts a resource's values into a rule's fix. Names are written by strangers and a fix is pasted into a shell: what
 * is not plainly harmless is quoted where it stands alone, and where a quote could not be trusted (within quotes or a
 * longer word), or the AWS CLI would read the value as an option or a file, the placeholder stays.
 * Returns the text and which placeholders stayed.
 */
function fill(text, values) {
  const withheld = new Set();
  const filled = text.split("\n").map((line) => line.replace(/\{(id|name|arn|region|account)\}/g, (whole, key, at) => {
    const value = values[key], end = at + whole.length;
    const sound = value && !/^-|^(fileb?|https?):\/\/|[\p{C}\u2028\u2029]/u.test(value);
    if (sound && /^[\p{L}\p{N}_@%+:./-]+$/u.test(value)) return value;
    const alone = !/\S/.test(line[at - 1] ?? " ") && !/[^\s.,;:)]/.test(line[end] ?? " ") && !/['"`\\]/.test(line);
    if (sound && alone) return `'${value.replaceAll("'", "'\\''")}'`;
    withheld.add(key);
    return whole;
  })).join("\n");
  return [filled, [...withheld]];
}

/** A fix: commands to copy, and the words between them. One without commands is copied as a whole. */
function remedy(text) {
  const command = /^(aws|cat|curl|docker|echo|export|for|git|jq|kubectl|python3?|sam|terraform|while) /;
  const lines = text.split("\n");
  if (!lines.some((line) => command.test(line))) return [code(text, "words")];
  const blocks = [];
  for (const line of lines) {
    const kind = command.test(line);
    if (blocks.at(-1)?.kind === kind) blocks.at(-1).lines.push(line);
    else blocks.push({ kind, lines: [line] });
  }
  return blocks.map((block) => block.kind ? code(block.lines.join("\n")) : make("p.prose", {}, block.lines.join("\n")));
}

function code(text, manner = "command") {
  const button = make("button.quiet.copy", { type: "button", onclick: () => copy(visible(text), button) }, "Copy");
  return make(`div.code.${manner}`, {}, make("pre", { tabindex: 0 }, text), button);
}
