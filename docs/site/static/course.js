// Some labels for screen readers (the theme's search, MyST-NB's folded output) replace the text
// that is seen by other words. Without them what is read aloud is what is seen.
document.addEventListener("DOMContentLoaded", () => {
  for (const named of document.querySelectorAll("summary[aria-label], .search-button-field")) {
    named.removeAttribute("aria-label");
  }
});
