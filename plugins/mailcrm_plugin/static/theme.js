/* Runs before the page is painted: takes over light or dark from Airflow, which frames this page. */
"use strict";
(() => {
  const root = document.documentElement;
  const wanted = () => {
    try {
      const outer = window.parent !== window && window.parent.document.documentElement;
      if (outer && outer.classList.contains("dark")) return "dark";
      if (outer && outer.classList.contains("light")) return "light";
    } catch { /* framed by somebody else: the policy forbids that anyway */ }
    return window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  };
  const apply = () => { root.dataset.theme = wanted(); };
  apply();
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
  try {
    if (window.parent !== window) {
      root.dataset.framed = "true";
      new MutationObserver(apply).observe(window.parent.document.documentElement, {
        attributes: true, attributeFilter: ["class"],
      });
    }
  } catch { /* as above */ }
})();
