"use strict";
// htmx would write a style sheet into the page, and compile what stands in attributes.
htmx.config.includeIndicatorStyles = false;
htmx.config.allowEval = false;

// `/` opens the search box, unless somebody is typing. A list's own box doesn't hear of it.
document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        event.stopPropagation();
        window.dispatchEvent(new CustomEvent("opencommand"));
    }
});
