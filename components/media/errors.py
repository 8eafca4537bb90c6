"""The error for media files that cannot be used: a fixed reason to count, and a detail to read."""


class Unreadable(Exception):
    """A file without usable video, images or audio.

    `reason` is a fixed word that is counted (`decode_error`, `no_frames`, …); `detail` says more and holds no path.
    """

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail
