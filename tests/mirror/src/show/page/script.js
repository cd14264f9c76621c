// Marks what belongs together, keeps it in the address, and finds things. All that is shown is in the page already.
"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const dock = byId("dock");
  const live = byId("live");
  const cards = all(".call");
  const words = (text) => (text || "").split(" ").filter(Boolean);

  // What belongs to a call, and the calls that a line, a packet or a piece of output belongs to.
  const links = new Map();
  const callsOf = new Map();
  for (const card of cards) {
    const own = { lines: words(card.dataset.lines), others: words(card.dataset.with), step: card.dataset.step };
    links.set(card.id, own);
    for (const id of [...own.lines, ...own.others]) {
      if (!callsOf.has(id)) callsOf.set(id, []);
      callsOf.get(id).push(card.id);
    }
  }
  // Elements that stand for the same thing in several places.
  const standing = new Map();
  for (const element of all("[data-k]")) {
    const key = element.dataset.k;
    if (!standing.has(key)) standing.set(key, []);
    standing.get(key).push(element);
  }
  const elements = (id) => [...new Set([...(standing.get(id) || []), byId(id)])].filter(Boolean);
  const scenarioOf = (element) => element?.closest(".of-scenario");
  let selected = null;
  let counterparts = [];

  const kind = (id) => {
    const element = byId(id);
    if (!element) return null;
    if (element.matches(".call")) return "call";
    if (element.matches(".l")) return "line";
    if (element.matches(".packet")) return "packet";
    if (element.matches(".piece")) return "output";
    if (element.matches(".band")) return "step";
    return null;
  };

  // The calls of the chosen scenario that something belongs to.
  const callsFor = (id) => {
    switch (kind(id)) {
      case "call": return [id];
      case "step": return cards.filter((card) => card.dataset.step === byId(id).dataset.step && isOfChosen(card)).map((card) => card.id);
      default: return (callsOf.get(id) || []).filter((call) => isOfChosen(byId(call)));
    }
  };
  const chosen = () => document.querySelector("input[name=scenario]:checked");
  const isOfChosen = (element) => {
    const radio = chosen();
    const part = scenarioOf(element);
    return !radio || !part || part.classList.contains("s" + radio.id.split("-")[1]);
  };

  function clear() {
    for (const element of all(".on, .led, .self")) element.classList.remove("on", "led", "self");
    if (window.CSS && CSS.highlights) for (const name of ["name", "origin"]) CSS.highlights.delete(name);
    dock.hidden = true;
    dock.replaceChildren();
    selected = null;
    counterparts = [];
  }

  function make(name, text, attributes = {}) {
    const element = document.createElement(name);
    element.textContent = text;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  }

  function group(name, ids, text) {
    const line = make("p", "");
    line.append(make("span", name, { class: "group" }));
    for (const id of ids.slice(0, 40)) {
      const link = make("a", text(id), { href: "#" + id });
      if (id === selected) link.classList.add("here");
      line.append(link);
    }
    if (ids.length > 40) line.append(make("span", `and ${ids.length - 40} more`));
    return line;
  }

  const nameOfCall = (id) => {
    const card = byId(id);
    return card.querySelector(".number").textContent + " " + (card.querySelector(".function") || card.querySelector(".text b:not(.side)") || card.querySelector(".text b")).textContent;
  };
  const nameOfOther = (id) => {
    const element = byId(id);
    if (element.matches(".packet")) return id.split("/").pop().replace("packet-", "") + " " + element.querySelector(".arrow text").textContent;
    return "“" + element.textContent.trim().slice(0, 40) + "”";
  };

  // Marks something and all that belongs to it. Returns whether there is such a thing.
  function select(id, name) {
    const what = kind(id);
    if (!what) return false;
    clear();
    chooseFor(byId(id));
    selected = id;
    const calls = callsFor(id);
    const lines = [...new Set(calls.flatMap((call) => links.get(call).lines))];
    const others = [...new Set(calls.flatMap((call) => links.get(call).others))];
    const innermost = new Set(calls.flatMap((call) => all(".at a", byId(call)).map((a) => a.getAttribute("href").slice(1))));
    for (const line of lines) byId(line)?.classList.add(innermost.has(line) || line === id ? "on" : "led");
    for (const other of [...calls, ...others, id]) for (const element of elements(other)) element.classList.add("on");
    for (const element of elements(id)) element.classList.add("self");
    if (what === "step") for (const line of all(".l", byId(id))) line.classList.add("led");
    const packets = others.filter((other) => kind(other) === "packet");
    const output = others.filter((other) => kind(other) === "output");
    const sorted = [...new Set([...(what === "line" ? [id] : []), ...lines])];
    const column = (line) => (byId(line)?.closest(".right") ? 1 : 0);
    const left = sorted.filter((line) => column(line) === 0);
    const right = sorted.filter((line) => column(line) === 1);
    counterparts = [...left, ...calls, ...packets, ...output, ...right];

    const labels = all(".switch.columns label").map((label) => label.textContent);
    const close = make("button", "×", { class: "close", "aria-label": "Select nothing", type: "button" });
    close.onclick = () => go("");
    dock.append(close);
    const brief = (line) => line;
    if (calls.length === 0) {
      const text = what === "line" ? `${id}: no system call comes from this line in this scenario.` : what === "step" ? "This step makes no system call: memory only." : "No call of the program belongs to it.";
      dock.append(make("p", text));
    }
    if (left.length && calls.length) dock.append(group(labels[0], left, brief));
    if (calls.length) dock.append(group("calls", calls, nameOfCall));
    if (right.length && calls.length) dock.append(group(labels[2], right, brief));
    if (packets.length) dock.append(group("packets", packets, nameOfOther));
    if (output.length) dock.append(group("output", output, nameOfOther));
    if (what === "packet") {
      const opened = byId(id).querySelector(".opened").cloneNode(true);
      dock.append(make("p", "Choose a byte or a field: what is it?", { class: "asked" }), opened);
    }
    if (what === "packet") mark("origin", origins(byId(id)));
    if (name) mark("name", sameName(name));
    dock.hidden = false;
    live.textContent = `${what} ${id}: ${calls.length} calls, ${lines.length} lines, ${packets.length} packets`;
    return true;
  }

  function chooseFor(element) {
    const part = scenarioOf(element);
    const radio = part && [...part.classList].filter((name) => /^s\d+$/.test(name)).map((name) => byId("scenario-" + name.slice(1)))[0];
    if (radio) radio.checked = true;
  }

  // Makes it visible where it stands: the view, the column, what is folded.
  function show(id) {
    let element = byId(id);
    if (!element) return;
    const view = byId("view-time").checked ? ".time" : ".by-step";
    // A call and a packet have a place in both views.
    element = elements(id).find((other) => other.closest(view)) || element;
    if (element.closest(".by-step")) byId("view-step").checked = true;
    if (element.closest(".time")) byId("view-time").checked = true;
    const column = element.closest(".cols > *");
    if (column) for (const name of ["left", "kernel", "right"]) if (column.classList.contains(name)) byId("show-" + name).checked = true;
    for (let parent = element.parentElement?.closest("details"); parent; parent = parent.parentElement?.closest("details")) parent.open = true;
    const box = element.getBoundingClientRect();
    const below = dock.hidden ? innerHeight : innerHeight - dock.offsetHeight;
    if (box.top < 90 || box.bottom > below - 10) {
      document.documentElement.classList.add("jumping");
      scrollBy(0, box.top - Math.max(100, (below - box.height) / 3));
      document.documentElement.classList.remove("jumping");
    }
  }

  // #echo_client.c:64~name
  const read = () => {
    const [id, name] = decodeURIComponent(location.hash.slice(1)).split("~");
    return { id, name };
  };
  function go(id, name) {
    const hash = id ? "#" + encodeURI(id) + (name ? "~" + encodeURIComponent(name) : "") : "";
    if (location.hash !== hash) history.pushState(null, "", hash || location.pathname + location.search);
    if (!id || !select(id, name)) clear();
  }
  function follow(jump = true) {
    const { id, name } = read();
    if (!id || !select(id, name)) return clear();
    if (jump) show(id);
  }
  addEventListener("hashchange", () => follow());
  addEventListener("popstate", () => follow());

  // Names are the same in both languages but for the case: echoServPort, echo_serv_port.
  const plain = (name) => name.replaceAll("_", "").toLowerCase();
  function ranges(test, selector, within = document) {
    const found = [];
    for (const element of all(selector, within)) {
      const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        for (const [start, end] of test(walker.currentNode.data)) {
          const range = new Range();
          range.setStart(walker.currentNode, start);
          range.setEnd(walker.currentNode, end);
          found.push(range);
        }
      }
    }
    return found;
  }
  function sameName(name) {
    const wanted = plain(name);
    const test = (text) => [...text.matchAll(/[A-Za-z_]\w*/g)].filter((word) => plain(word[0]) === wanted).map((word) => [word.index, word.index + word[0].length]);
    return ranges(test, ".l, .text, .function");
  }
  // The arguments that bytes of a packet come from.
  function origins(packet) {
    return all(".origin", packet).flatMap((origin) => {
      const id = decodeURIComponent(origin.querySelector("a")?.getAttribute("href").slice(1) || "");
      const text = origin.querySelector("code").textContent;
      const test = (data) => (data.includes(text) ? [[data.indexOf(text), data.indexOf(text) + text.length]] : []);
      return elements(id).flatMap((element) => ranges(test, ".text", element));
    });
  }
  function mark(highlight, found) {
    if (window.CSS && CSS.highlights) CSS.highlights.set(highlight, new Highlight(...found));
  }
  function nameAt(event) {
    let node, offset;
    if (document.caretPositionFromPoint) {
      const position = document.caretPositionFromPoint(event.clientX, event.clientY);
      [node, offset] = [position?.offsetNode, position?.offset];
    } else if (document.caretRangeFromPoint) {
      const range = document.caretRangeFromPoint(event.clientX, event.clientY);
      [node, offset] = [range?.startContainer, range?.startOffset];
    }
    if (!node || node.nodeType !== Node.TEXT_NODE || node.parentElement.closest(".c, .s, .k")) return "";
    const word = [...node.data.matchAll(/[A-Za-z_]\w*/g)].find((word) => word.index <= offset && offset <= word.index + word[0].length);
    return word && word[0].length > 1 ? word[0] : "";
  }

  addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const field = event.target.closest(".layers tr, .bytes b");
    if (field && !event.target.closest("a")) return ask(field);
    if (String(getSelection())) return;
    const line = event.target.closest(".l");
    if (line) {
      event.preventDefault();
      return go(line.id, nameAt(event));
    }
    const link = event.target.closest("a[href^='#']");
    if (link) {
      event.preventDefault();
      const id = decodeURIComponent(link.getAttribute("href").slice(1));
      go(id);
      const inPlace = link.matches(".number, .piece, .chips a") && link.closest(".call, .output");
      return inPlace ? undefined : show(id);
    }
    const packet = event.target.closest(".packet > summary");
    if (packet) {
      event.preventDefault();
      return go(packet.parentElement.id);
    }
    const thing = event.target.closest(".call, .row[data-k]");
    if (thing) go(thing.dataset.k);
  });

  // A byte is asked what it is: the fields that it belongs to; a field, where it is.
  function ask(element) {
    const opened = element.closest(".opened");
    for (const other of all(".on", opened)) other.classList.remove("on");
    let place = 0;
    const bytes = all(".bytes b", opened).map((b) => {
      const count = b.textContent.split(" ").length;
      place += count;
      return { b, from: place - count, to: place };
    });
    const rows = all(".layers tr", opened).map((row) => {
      const [from, count] = row.dataset.b.split("+").map(Number);
      return { row, from, to: from + count };
    });
    const here = bytes.find(({ b }) => b === element) || rows.find(({ row }) => row === element);
    const meet = (a) => a.from < here.to && here.from < a.to;
    const fields = element.matches("b") ? rows.filter(meet) : [here];
    for (const { row } of fields) row.classList.add("on");
    for (const { b } of bytes.filter((a) => fields.some((f) => a.from < f.to && f.from < a.to))) b.classList.add("on");
    const text = fields.map(({ row }) => {
      const caption = row.closest("table").caption;
      const own = row.querySelector("td cite");
      const source = own || caption.querySelector("cite");
      const value = row.querySelector("td").firstChild.textContent.trim();
      return `${caption.firstChild.textContent.trim()} ${row.querySelector("th").textContent} = ${value}` + (source ? ` (${source.textContent})` : "");
    });
    const asked = opened.parentElement.querySelector(".asked");
    if (asked) asked.textContent = `byte ${here.from}: ${text.join("; ")}`;
    live.textContent = text.join("; ");
  }

  // Search.
  const form = byId("search");
  const input = form.querySelector("input");
  const count = form.querySelector("output");
  let hits = [];
  let hit = -1;
  function find() {
    const wanted = plain(input.value.trim());
    hits = [];
    hit = -1;
    if (wanted.length > 1) {
      const test = (element) => plain(element.textContent).includes(wanted);
      hits = [...all(".l").filter(test), ...cards.filter((card) => isOfChosen(card) && test(card.querySelector(".line"))), ...all("details.packet").filter((packet) => isOfChosen(packet) && test(packet.querySelector("summary")))];
      const words = (text) => {
        const found = [];
        for (const word of text.matchAll(/\w+/g)) if (plain(word[0]).includes(wanted)) found.push([word.index, word.index + word[0].length]);
        return found;
      };
      mark("found", ranges(words, ".l, .text, .packet summary .what"));
    } else if (window.CSS && CSS.highlights) CSS.highlights.delete("found");
    count.textContent = wanted.length > 1 ? `${hits.length} found` : "";
  }
  function next(by) {
    if (!hits.length) return;
    hit = (hit + by + hits.length) % hits.length;
    const id = hits[hit].id;
    go(id);
    show(id);
    count.textContent = `${hit + 1} of ${hits.length}`;
  }
  input.addEventListener("input", find);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    next(1);
  });

  // Keys.
  function step(by) {
    const own = cards.filter(isOfChosen).sort((a, b) => Number(a.querySelector(".number").textContent) - Number(b.querySelector(".number").textContent));
    const now = own.findIndex((card) => card.id === (kind(selected) === "call" ? selected : callsFor(selected || "")[0]));
    const card = own[Math.min(Math.max(now + by, 0), own.length - 1)];
    if (!card) return;
    go(card.id);
    show(card.id);
  }
  function turn(by) {
    if (!counterparts.length) return;
    // The round is that of what was selected first.
    const round = counterparts;
    const id = round[(Math.max(round.indexOf(selected), 0) + by + round.length) % round.length];
    go(id);
    counterparts = round;
    show(id);
  }
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input[type=search]");
    if (event.key === "Escape") {
      if (typing) { input.value = ""; find(); input.blur(); }
      return go("");
    }
    if (typing || event.target.matches("input, select, textarea")) return;
    const keys = {
      ArrowDown: () => step(1), j: () => step(1), ArrowUp: () => step(-1), k: () => step(-1),
      ArrowRight: () => turn(1), l: () => turn(1), ArrowLeft: () => turn(-1), h: () => turn(-1),
      n: () => next(1), N: () => next(-1), "/": () => input.focus(),
      t: () => { byId(byId("view-time").checked ? "view-step" : "view-time").checked = true; if (selected) show(selected); },
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });

  for (const radio of all("input[name=scenario]")) {
    radio.addEventListener("change", () => { all(".chooser").forEach((c) => { c.open = false; }); go(""); find(); });
  }
  for (const radio of all("input[name=view]")) radio.addEventListener("change", () => selected && show(selected));
  follow();
})();
