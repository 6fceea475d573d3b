// The workbench's page: forms and places for HTML that Python makes. A press is one message with all values of its form.

const PAGE = `
<p class="pe-gone" role="alert"></p>
<div class="pe-bar" data-form="clock" role="group" aria-label="clock">
  <span data-part="clock"></span>
  <button type="button" data-do="step" title="do the next due thing">Step</button>
  <label>by <input name="duration" value="10m" size="6" data-enter="advance"></label>
  <button type="button" data-do="advance" title="let virtual time pass">Advance</button>
  <label>to <input name="t" placeholder="2026-01-01T06:00:00Z" size="21" data-enter="run_to"></label>
  <button type="button" data-do="run_to" title="let virtual time pass up to a moment">Run to</button>
  <button type="button" data-do="flush" title="flush the WAL now">Flush</button>
</div>
<div class="pe-dim" data-part="upcoming"></div>
<div data-part="timeline"></div>
<div class="pe-bar" data-form="past" role="group" aria-label="past">
  <label class="pe-grow">event <input type="range" name="n" min="0" max="0" data-change="travel"></label>
  <span data-text="which"></span>
  <button type="button" data-do="now">Now</button>
</div>
<div class="pe-tabs" role="tablist" aria-label="compose" data-roving>
  <button type="button" role="tab" data-tab="write">Write</button>
  <button type="button" role="tab" data-tab="signal">Signal</button>
  <button type="button" role="tab" data-tab="call">Schedule</button>
  <button type="button" role="tab" data-tab="request">Request</button>
</div>
<div class="pe-panel" role="tabpanel" aria-label="Write" data-form="write">
  <div class="pe-bar">
    <label>database <input name="database" list="databases" data-first></label>
    <label>precision <select name="precision"><option>auto<option>s<option>ms<option>us<option>ns</select></label>
    <label>template <select name="template" data-choices="write templates" data-change="template"></select></label>
  </div>
  <label class="pe-block">lines <textarea name="lines" rows="4" spellcheck="false" placeholder="cpu,host=a usage=0.5"
    data-enter="write" data-input="check"></textarea></label>
  <div data-part="checked" aria-live="polite"></div>
  <div class="pe-bar"><button type="button" class="pe-main" data-do="write">Write</button>
    <label><input type="checkbox" name="no_sync"> no_sync: leave it in the WAL buffer</label></div>
</div>
<div class="pe-panel" role="tabpanel" aria-label="Signal" data-form="signal">
  <div class="pe-bar">
    <label>database <input name="database" list="databases" data-first></label>
    <label>table <input name="table" value="made" size="10"></label>
    <label>field <input name="field" value="value" size="10"></label>
    <label>tags <input name="tags" placeholder="room=kitchen,bath" size="18"></label>
    <label>template <select name="template" data-choices="signal templates" data-change="template"></select></label>
  </div>
  <label class="pe-block">signal <input name="signal" value="sine('1d', 4) + noise(0.3) + 21" data-change="preview"></label>
  <label class="pe-block">spoiled by <input name="spoil" placeholder="gaps(0.05) | late(0.1, by='2m')" data-change="preview"></label>
  <div class="pe-bar">
    <label>start <input name="start" placeholder="now" size="21" data-change="preview"></label>
    <label>every <input name="every" value="10m" size="6" data-change="preview"></label>
    <label>points <input name="points" value="144" size="6" data-change="preview"></label>
    <button type="button" data-do="preview">Preview</button>
    <button type="button" class="pe-main" data-do="signal" title="write all points at once">Write signal</button>
    <button type="button" data-do="play" title="let time pass and write the points as they arrive">Play</button>
  </div>
  <div class="pe-preview" data-part="preview"></div>
</div>
<div class="pe-panel" role="tabpanel" aria-label="Schedule" data-form="call">
  <div class="pe-bar">
    <label>trigger <select name="trigger" data-choices="schedules"></select></label>
    <label>at <input name="at" placeholder="now, or 2026-01-01T06:00:00Z" size="28" data-enter="call"></label>
    <label>template <select name="template" data-choices="call templates" data-change="template"></select></label>
    <button type="button" class="pe-main" data-do="call">Call</button>
    <button type="button" data-do="next_five" title="let time pass until it has fired five more times">Next 5</button>
  </div>
</div>
<div class="pe-panel" role="tabpanel" aria-label="Request" data-form="request">
  <div class="pe-bar">
    <label>method <select name="method"><option>POST<option>GET</select></label>
    <label>path <input name="path" list="paths" data-first data-enter="request"></label>
    <label>template <select name="template" data-choices="request templates" data-change="template"></select></label>
  </div>
  <label class="pe-block">params <input name="params" placeholder='{"room": "kitchen"}'></label>
  <label class="pe-block">headers <input name="headers" placeholder='{"x-token": "..."}'></label>
  <label class="pe-block">body <textarea name="body" rows="3" spellcheck="false" data-enter="request"></textarea></label>
  <div class="pe-bar"><button type="button" class="pe-main" data-do="request">Send</button></div>
</div>
<div class="pe-bar" data-form="again">
  <label>fired before, to fire again with a change <select name="again" data-choices="again" data-change="again"></select></label>
</div>
<div class="pe-line" role="group" aria-label="the line of Python that does the same">
  <pre data-code="code" tabindex="0"></pre><button type="button" data-copy="code">Copy</button>
</div>
<details data-open="session"><summary>The whole session as Python</summary>
  <div class="pe-line"><pre data-code="session" tabindex="0"></pre><button type="button" data-copy="session">Copy</button></div>
</details>
<div class="pe-status" role="status" data-text="status"></div>
<details open><summary>What happened</summary><div class="pe-last" data-part="last"></div></details>
<div class="pe-tabs" role="tablist" aria-label="look" data-roving>
  <button type="button" role="tab" data-tab="triggers">Triggers</button>
  <button type="button" role="tab" data-tab="runs">Runs</button>
  <button type="button" role="tab" data-tab="logs">Logs</button>
  <button type="button" role="tab" data-tab="cache">Cache</button>
  <button type="button" role="tab" data-tab="tables">Tables</button>
  <button type="button" role="tab" data-tab="fixtures">Fixtures</button>
  <button type="button" role="tab" data-tab="topology">Topology</button>
</div>
<div class="pe-panel" role="tabpanel" data-look>
  <div class="pe-bar" data-form="logs">
    <label>trigger <select name="trigger" data-choices="triggers" data-change="logs"></select></label>
    <label>level <select name="level" data-change="logs"><option value="">all<option>INFO<option>WARN<option>ERROR</select></label>
    <label>text <input name="text" placeholder="part of the text" data-input="logs"></label>
  </div>
  <div class="pe-bar" data-form="cache">
    <label>of <select name="scope" data-choices="scopes"></select></label>
    <label>key <input name="key" size="14"></label>
    <label>value <input name="value" placeholder="a Python literal" size="24" data-enter="put"></label>
    <label>seconds to live <input name="ttl" size="6" data-enter="put"></label>
    <button type="button" data-do="put">Put</button>
  </div>
  <div class="pe-bar" data-form="tables">
    <label>table <select name="table" data-choices="tables" data-change="table"></select></label>
    <label>page <input name="page" type="number" min="1" value="1" data-change="table"></label>
    <label>field <select name="field" data-choices="fields"></select></label>
    <button type="button" data-do="chart">Chart</button>
  </div>
  <div class="pe-bar" data-form="fixtures">
    <label>folder <input name="folder" list="folders" data-first data-change="folder"></label>
    <label>name <input name="name" placeholder="fixture name" data-enter="freeze"></label>
    <label>newest events only <input name="last" size="4" placeholder="all"></label>
    <button type="button" data-do="freeze">Freeze</button>
  </div>
  <div data-part="chart"></div>
  <div data-form="body" data-part="body"></div>
</div>`;

const GONE = "■ No longer connected: the kernel was restarted or has ended. This is the last state; run the cell again.";
const SHOWN = 4000;
let views = 0;

function render({ model, el }) {
  const root = document.createElement("section");
  const number = ++views;
  root.className = "pe-bench";
  root.setAttribute("aria-label", "workbench");
  root.innerHTML = PAGE;
  const all = (what, of = root) => [...of.querySelectorAll(what)];
  const one = (what) => root.querySelector(what);

  for (const name of ["databases", "paths", "folders"]) {
    const list = document.createElement("datalist");
    list.id = `pe-${name}-${number}`;
    list.dataset.choices = name;
    root.append(list);
    for (const input of all(`[list=${name}]`)) input.setAttribute("list", list.id);
  }
  const hide = document.createElement("style"); // the plain HTML below is for when nobody is behind it
  hide.textContent = `.pe-still[data-of="${model.get("_pe_id")}"] { display: none }`;
  root.append(hide);

  // -- to Python

  const waiting = new Map();
  function send(what, from, more = {}) {
    const values = {};
    const form = from.closest("[data-form]");
    for (const input of form ? all("[name]", form) : []) {
      if (input.type !== "checkbox") values[input.name] = input.value;
      else if (!input.hasAttribute("value")) values[input.name] = input.checked;
      else (values[input.name] ??= []).push(...(input.checked ? [input.value] : []));
    }
    if (form) values.form = form.dataset.form;
    if (from.dataset.id !== undefined) values.id = JSON.parse(from.dataset.id);
    if (!root.classList.contains("pe-lost")) model.send({ do: what, values: { ...values, ...more } });
  }
  function later(what, from) { // while someone types
    clearTimeout(waiting.get(what));
    waiting.set(what, setTimeout(() => send(what, from), 200));
  }

  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button || !root.contains(button)) return;
    if (button.dataset.do) send(button.dataset.do, button);
    if (button.dataset.copy) copy(button);
    if (button.getAttribute("role") === "tab") {
      choose(button);
      if (button.parentElement.getAttribute("aria-label") === "look") {
        if (button.dataset.tab !== model.get("pane")) one("[data-part=body]").textContent = "…"; // not the other pane's
        send("pane", button, { pane: button.dataset.tab });
      }
      if (button.dataset.tab === "signal") send("preview", one("[name=signal]"));
    }
  });
  root.addEventListener("change", (event) => {
    if (event.target.dataset.change) send(event.target.dataset.change, event.target);
  });
  root.addEventListener("input", (event) => {
    if (event.target.dataset.input) later(event.target.dataset.input, event.target);
    if (event.target.type === "range") one("[data-text=which]").textContent = `event ${event.target.value}`;
  });
  root.addEventListener("keydown", (event) => {
    const from = event.target;
    const long = from.tagName === "TEXTAREA";
    if (event.key === "Enter" && from.dataset.enter && (!long || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      send(from.dataset.enter, from);
    }
    const group = from.closest("[data-roving]");
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
    if (group && step) {
      event.preventDefault();
      const buttons = inOrder(group);
      const to = buttons[Math.max(0, Math.min(buttons.length - 1, buttons.indexOf(from) + step))];
      if (to.getAttribute("role") === "tab") to.click();
      rove(group, to);
      to.focus();
    }
  });
  one("[data-open=session]").addEventListener("toggle", (event) => {
    if (event.target.open) send("session", event.target);
  });
  root.addEventListener("keydown", (event) => event.stopPropagation()); // a notebook's own keys: Enter, arrows, letters

  async function copy(button) {
    const text = model.get(button.dataset.copy);
    try { await navigator.clipboard.writeText(text); } catch {
      const area = document.createElement("textarea");
      area.value = text;
      root.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1200);
  }

  // -- tabs and marks: one stop of the Tab key, arrows between them

  function inOrder(group) {
    const column = (b) => parseInt(b.style.gridColumn || "0");
    return all("button", group).sort((a, b) => column(a) - column(b));
  }
  function rove(group, to) {
    for (const button of all("button", group)) button.tabIndex = button === to ? 0 : -1;
  }
  function choose(tab) {
    const list = tab.parentElement;
    for (const other of all("[role=tab]", list)) other.setAttribute("aria-selected", String(other === tab));
    rove(list, tab);
    if (list.getAttribute("aria-label") === "compose") {
      for (const panel of all("[role=tabpanel]:not([data-look])")) panel.hidden = panel.dataset.form !== tab.dataset.tab;
    } else {
      one("[data-look]").setAttribute("aria-label", tab.textContent);
      for (const form of all("[data-look] > .pe-bar")) form.hidden = form.dataset.form !== tab.dataset.tab;
      one("[data-part=chart]").hidden = tab.dataset.tab !== "tables";
    }
  }

  // -- from Python

  function put(part, html) { // what was unfolded stays so, and the focus stays where it was
    const keys = (d) => d.dataset.key ?? d.querySelector("summary")?.textContent;
    const open = new Map(all("details", part).map((d) => [keys(d), d.open]));
    const focused = part.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const far = all(".pe-scroll", part).map((s) => [s.scrollLeft, s.scrollTop]);
    part.innerHTML = html;
    for (const d of all("details", part)) if (open.has(keys(d))) d.open = open.get(keys(d));
    all(".pe-scroll", part).forEach((s, i) => { if (far[i]) [s.scrollLeft, s.scrollTop] = far[i]; });
    for (const group of all("[data-roving]", part)) {
      const current = group.querySelector("[aria-current]") ?? inOrder(group).at(-1);
      rove(group, current);
      group.scrollLeft = current.offsetLeft - 0.75 * group.clientWidth;
    }
    if (focused !== null) {
      const again = all("[data-key]", part).find((b) => b.dataset.key === focused);
      if (again) {
        const group = again.closest("[data-roving]");
        if (group) rove(group, again);
        again.focus();
      } else if (part.dataset.part === "body") {
        one("[data-look]").tabIndex = -1;
        one("[data-look]").focus();
      }
    }
  }
  function offer(choices) {
    for (const list of all("[data-choices]")) {
      const options = choices[list.dataset.choices] ?? [];
      const made = JSON.stringify(options);
      if (list.made === made) continue;
      const chosen = list.value;
      list.made = made;
      list.replaceChildren(...options.map(([label, value]) => new Option(label, value)));
      if (list.tagName === "SELECT" && options.some(([, value]) => value === chosen)) list.value = chosen;
    }
    for (const input of all("[data-first]")) { // the first of what there is, until someone chooses
      const found = choices[input.list?.dataset.choices] ?? [];
      if (!input.value && found.length) input.value = found[0][1];
    }
  }
  function fill(form, values) {
    const place = one(`[data-form="${form}"]`);
    for (const [name, value] of Object.entries(values)) {
      const input = place.querySelector(`[name="${name}"]`);
      if (input?.type === "checkbox") input.checked = value;
      else if (input) input.value = value;
    }
    const tab = one(`[role=tab][data-tab="${form}"]`);
    if (tab) choose(tab);
  }
  const shown = {
    pane: (value) => choose(one(`[role=tab][data-tab="${value}"]`)),
    choices: offer,
    latest: (value) => { one("[name=n]").max = value; one("[name=n]").value = model.get("moment"); },
    moment: (value) => { one("[name=n]").value = value; },
  };
  for (const part of all("[data-part]")) shown[part.dataset.part] = (html) => put(part, html);
  for (const part of all("[data-text]")) shown[part.dataset.text] = (text) => { part.textContent = text; };
  for (const part of all("[data-code]")) {
    shown[part.dataset.code] = (text) => {
      const rest = text.length - SHOWN;
      part.textContent = rest > 0 ? `${text.slice(0, SHOWN)}… (+${rest.toLocaleString("en")} characters, Copy takes all)` : text;
      part.parentElement.hidden = !text;
    };
  }
  const listeners = Object.entries(shown).map(([name, show]) => [`change:${name}`, () => show(model.get(name))]);
  listeners.push(["msg:custom", (message) => { if (message.fill) fill(message.fill, message.values); }]);
  function lost() {
    root.classList.add("pe-lost");
    one(".pe-gone").textContent = GONE;
  }
  listeners.push(["comm_live_update", lost]); // what the widget manager says when the kernel restarts
  const ended = (_, status) => { if (["restarting", "autorestarting", "dead", "terminating"].includes(status)) lost(); };
  const changed = model.widget_manager?.kernel?.statusChanged; // a crash, where there is a JupyterLab to tell
  changed?.connect(ended);
  for (const [name, listener] of listeners) model.on(name, listener);
  choose(one("[data-tab=write]"));
  for (const [name, show] of Object.entries(shown)) show(model.get(name));
  el.append(root);
  return () => {
    changed?.disconnect(ended);
    for (const [name, listener] of listeners) model.off(name, listener);
  };
}

export default { render };
