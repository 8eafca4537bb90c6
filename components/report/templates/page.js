// The page works without this. With it, a click plays a clip without controls that would cover it,
// a group plays at once, and a link opens what it points into.
for (const video of document.querySelectorAll("video")) {
  const screen = video.parentElement;
  const toggle = () => {
    if (!video.paused) { video.pause(); return; }
    for (const other of document.querySelectorAll("video")) { if (!other.muted) other.pause(); }
    video.muted = false;
    video.play();
  };
  video.controls = false;
  video.tabIndex = 0;
  screen.classList.add("paused");
  video.addEventListener("play", () => screen.classList.remove("paused"));
  video.addEventListener("pause", () => screen.classList.add("paused"));
  video.addEventListener("click", toggle);
  video.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(); }
  });
}
for (const button of document.querySelectorAll(".play-all")) {
  const group = button.closest(".group");
  const label = button.textContent;
  button.hidden = group.querySelectorAll("video").length < 2;
  button.addEventListener("click", () => {
    const videos = [...group.querySelectorAll("video")].filter((video) => video.offsetParent !== null);
    const playing = button.textContent !== label;
    for (const video of videos) {
      if (playing) { video.pause(); } else { video.muted = true; video.play(); }
    }
    button.textContent = playing ? label : "Stop";
  });
}
const reveal = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const closed = target && target.closest("details");
  if (closed && !closed.open) { closed.open = true; target.scrollIntoView(); }
};
addEventListener("hashchange", reveal);
reveal();
