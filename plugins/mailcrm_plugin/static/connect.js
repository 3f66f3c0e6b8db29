/* Connect: fills in proposed settings, and shows a test stage by stage as its lines arrive. */
"use strict";
(() => {
  const WORDS = {
    resolve: "looks the host up", connect: "connects", tls: "encryption", greeting: "greeting",
    authenticate: "logs in", folders: "opens the folders", identity: "may send as this address",
    credential: "password",
  };
  const STATES = { ok: "works", refused: "refused", unreachable: "no answer", misconfigured: "wrong setting" };
  const form = () => document.getElementById("connect");
  const el = (name, text, klass) => {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    if (klass) made.className = klass;
    return made;
  };
  const proposed = new Map();  // what we filled in may be replaced, what somebody typed may not

  const fillIn = (root) => {
    const source = root.querySelector("[data-fills]");
    if (!source) return;
    for (const [name, value] of Object.entries(JSON.parse(source.dataset.fills))) {
      const radio = document.querySelector(`input[type=radio][name="${name}"][value="${value}"]`);
      if (radio) { radio.checked = true; radio.dispatchEvent(new Event("change", { bubbles: true })); continue; }
      const field = document.getElementById(name);
      if (!field) continue;
      const untouched = field.value === "" || proposed.get(name) === field.value || field.tagName === "SELECT";
      if (untouched) { field.value = value; proposed.set(name, value); }
    }
  };
  const mark = (ids) => {
    for (const id of ids) {
      const field = document.getElementById(id);
      if (field) field.setAttribute("aria-invalid", "true");
    }
    const first = ids.map((id) => document.getElementById(id)).find(Boolean);
    if (first) first.focus();
  };
  const clear = () => {
    for (const field of form().querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    document.getElementById("answer").replaceChildren();
    document.getElementById("failure").replaceChildren();
    for (const side of ["imap", "smtp"]) {
      const box = document.getElementById(side + "_trial");
      box.hidden = true;
      box.querySelector("ol").replaceChildren();
      box.querySelector(".outcome").replaceChildren();
    }
  };
  const say = (text, tone, ...more) => {
    const box = el("div", "", "notice " + tone);
    box.append(el("p", text), ...more);
    document.getElementById("answer").replaceChildren(box);
    box.scrollIntoView({ block: "nearest" });
  };
  const stages = (side, names) => {
    const box = document.getElementById(side + "_trial");
    box.hidden = false;
    box.querySelector("ol").replaceChildren(...names.map((name) => {
      const item = el("li", WORDS[name] || name);
      item.dataset.stage = name;
      return item;
    }));
  };
  const step = (side, stage, last) => {
    let before = true;
    for (const item of document.querySelectorAll(`#${side}_trial li`)) {
      const here = item.dataset.stage === stage;
      item.className = before && !here ? "done" : here ? (last || "now") : "";
      if (here) before = false;
    }
  };
  const result = (event) => {
    const ok = event.state === "ok";
    step(event.direction, event.stage, ok ? "done" : "failed");
    const box = document.querySelector(`#${event.direction}_trial .outcome`);
    const badge = el("span", STATES[event.state] || event.state, "badge " + (ok ? "ok" : "bad"));
    const parts = [badge];
    if (!ok && event.advice) parts.push(el("p", event.advice));
    if (!ok && event.server_text) parts.push(el("p", `The server said: “${event.server_text}”`, "small muted break"));
    if (event.rejected) {
      const label = el("label", "", "check");
      const again = el("input");
      again.type = "checkbox"; again.name = "again"; again.value = "yes";
      label.append(again, el("span", "I mended it at the provider: try the same login once more"));
      parts.push(label);
    }
    box.replaceChildren(...parts);
    if (!ok) mark(event.fields);
  };
  const ask = (text) => {
    const label = el("label", "", "check");
    const anyway = el("input");
    anyway.type = "checkbox"; anyway.name = "anyway"; anyway.value = "yes"; anyway.setAttribute("form", "connect");
    label.append(anyway, el("span", "Connect all the same, and mend sending later"));
    say(text, "warn", label);
  };
  const handle = (event) => {
    if (event.type === "stages") { stages("imap", event.imap); stages("smtp", event.smtp); }
    else if (event.type === "step") step(event.direction, event.stage);
    else if (event.type === "result") result(event);
    else if (event.type === "tested" && event.ok) say("Both directions work.", "ok");
    else if (event.type === "tested") say("Not everything works yet; the fields to change are marked.", "warn");
    else if (event.type === "problem") { say(event.text, "bad"); mark(event.fields); }
    else if (event.type === "ask") ask(event.text);
    else if (event.type === "connected") window.location.assign(event.to);
  };
  const send = async (url) => {
    const body = new URLSearchParams(new FormData(form()));
    const answer = await fetch(url, { method: "POST", body, credentials: "same-origin" });
    if (!answer.ok) {
      const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
      const notice = parsed.querySelector(".notice");
      say(notice ? notice.textContent.trim().replace(/\s+/g, " ") : "That did not work.", "bad");
      return;
    }
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      rest += value;
      const lines = rest.split("\n\n");
      rest = lines.pop();
      for (const line of lines) handle(JSON.parse(line.replace(/^data: /, "")));
    }
  };
  document.addEventListener("submit", async (event) => {
    if (event.target !== form()) return;
    event.preventDefault();
    const saves = !event.submitter || event.submitter.value !== "test";
    const buttons = form().querySelectorAll("button[type=submit]");
    const url = saves ? form().getAttribute("action") : form().dataset.test;
    const pending = send(url, clearKept());
    for (const button of buttons) button.disabled = true;
    form().setAttribute("aria-busy", "true");
    try { await pending; }
    catch { say("The connection to Airflow broke. Try again.", "bad"); }
    finally {
      for (const button of buttons) button.disabled = false;
      form().removeAttribute("aria-busy");
    }
  });
  // The body is read before the old answer, whose boxes may be ticked, is cleared.
  const clearKept = () => { queueMicrotask(clear); };
  document.addEventListener("htmx:afterSettle", (event) => fillIn(event.target));
  document.addEventListener("click", (event) => {
    if (event.target.id !== "same") return;
    for (const name of ["username", "password"])
      document.getElementById("smtp_" + name).value = document.getElementById("imap_" + name).value;
  });
})();
