// The page works without this: it plays a group at once, and opens what a link points into.
for (const button of document.querySelectorAll(".play-all")) {
  const videos = [...button.closest(".group").querySelectorAll("video")];
  button.hidden = videos.length < 2;
  button.addEventListener("click", () => {
    const playing = button.textContent.startsWith("Stop");
    for (const video of videos) {
      if (playing) { video.pause(); video.muted = false; } else { video.muted = true; video.play(); }
    }
    button.textContent = playing ? "Play all, silently" : "Stop all";
  });
}
for (const video of document.querySelectorAll("video")) {
  video.addEventListener("click", (event) => {
    event.preventDefault();
    if (video.paused) { video.play(); } else { video.pause(); }
  });
}
const open = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const closed = target && target.closest("details");
  if (closed && !closed.open) { closed.open = true; target.scrollIntoView(); }
};
addEventListener("hashchange", open);
open();
