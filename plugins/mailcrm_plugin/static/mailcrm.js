/* Times in the viewer's zone, links into Airflow, and small helps for forms. No eval, no network. */
"use strict";
(() => {
  // Airflow keeps the zone that a person chose; without one, the browser's counts.
  const zone = () => {
    try {
      const raw = window.localStorage.getItem("timezone");
      const chosen = raw && (raw.startsWith('"') ? JSON.parse(raw) : raw);
      if (chosen) { new Intl.DateTimeFormat("en", { timeZone: chosen }); return chosen; }
    } catch { /* an unknown zone, or no storage */ }
    return undefined;
  };
  const showTimes = (root) => {
    const form = new Intl.DateTimeFormat("sv-SE", {
      timeZone: zone(), year: "numeric", month: "2-digit", day: "2-digit",
      hour: "2-digit", minute: "2-digit",
    });
    for (const one of root.querySelectorAll("time[datetime]:not([data-shown])")) {
      const at = new Date(one.getAttribute("datetime"));
      if (!Number.isNaN(at.valueOf())) one.textContent = form.format(at);
      one.dataset.shown = "true";
    }
  };
  // A page inside Airflow must not load Airflow into itself: hand the address to the outer page.
  const openOutside = (event) => {
    const link = event.target.closest("a[data-airflow]");
    if (!link || event.ctrlKey || event.metaKey || window.parent === window) return;
    event.preventDefault();
    const outer = window.parent;
    outer.history.pushState({}, "", link.getAttribute("href"));
    outer.dispatchEvent(new outer.PopStateEvent("popstate", { state: {} }));
  };
  // <button data-fill="#field" data-value="x"> writes into a field.
  const fill = (event) => {
    const button = event.target.closest("[data-fill]");
    if (!button) return;
    const field = document.querySelector(button.dataset.fill);
    if (field) { field.value = button.dataset.value; field.focus(); }
  };
  // Choosing an encryption mode proposes its port, unless somebody typed another one.
  const PORTS = { imap: { tls: 993, starttls: 143 }, smtp: { tls: 465, starttls: 587 } };
  const proposePort = (event) => {
    const mode = event.target.closest("select[data-ports]");
    if (!mode) return;
    const ports = PORTS[mode.dataset.ports];
    const field = document.getElementById(mode.dataset.ports + "_port");
    const usual = Object.values(ports).map(String);
    if (field && ports[mode.value] && (field.value === "" || usual.includes(field.value)))
      field.value = ports[mode.value];
  };
  // [data-shows="a b"] on a radio or select: shows [data-when~="value"] and hides the others.
  const showFitting = (root) => {
    for (const group of root.querySelectorAll("[data-chooses]")) {
      const name = group.dataset.chooses;
      const picked = group.matches("select") ? group.value
        : (group.querySelector("input:checked") || {}).value;
      for (const part of document.querySelectorAll(`[data-when-${name}]`)) {
        const fits = part.getAttribute(`data-when-${name}`).split(" ").includes(picked);
        part.hidden = !fits;
        for (const field of part.querySelectorAll("input, select, textarea")) field.disabled = !fits;
      }
    }
  };
  const start = (root) => { showTimes(root); showFitting(root); };
  document.addEventListener("DOMContentLoaded", () => start(document));
  document.addEventListener("htmx:afterSettle", (event) => start(event.target));
  document.addEventListener("htmx:oobAfterSwap", (event) => start(event.target));
  document.addEventListener("click", (event) => { openOutside(event); fill(event); });
  document.addEventListener("change", (event) => { proposePort(event); showFitting(document); });
})();
