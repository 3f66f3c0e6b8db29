/* The review queue by keyboard: j k move, a r g n judge, s searches, u takes back, o shows why. */
"use strict";
(() => {
  const cases = () => Array.from(document.querySelectorAll("[data-case]"));
  const current = () => document.activeElement && document.activeElement.closest("[data-case]");
  const focus = (one) => { if (one) { one.focus(); one.scrollIntoView({ block: "nearest" }); } };
  const move = (by) => {
    const all = cases(), at = all.indexOf(current());
    focus(all[Math.min(all.length - 1, Math.max(0, at + by))]);
  };
  const press = (key) => {
    const one = current() || cases()[0];
    const target = one && one.querySelector(`[data-key="${key}"]`);
    if (!target) return false;
    if (target.matches("input")) target.focus(); else target.click();
    return true;
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input:not([type=radio]):not([type=checkbox]), textarea, select");
    if (event.key === "Escape" && typing) { focus(current()); return; }
    if (typing) {
      if (event.key === "Enter" && event.target.closest("[data-case]")) event.preventDefault();
      return;
    }
    if (event.key === "j" || event.key === "k") { move(event.key === "j" ? 1 : -1); event.preventDefault(); }
    else if ("argnsuo".includes(event.key) && press(event.key)) event.preventDefault();
  });
  // A judged case keeps the place, so that u takes back what was just said and j goes on.
  document.addEventListener("htmx:afterSwap", (event) => {
    const one = event.target.closest && document.getElementById(event.detail.target.id);
    if (one && one.matches("[data-case]")) focus(one);
  });
  document.addEventListener("DOMContentLoaded", () => { if (document.getElementById("queue")) focus(cases()[0]); });
})();
