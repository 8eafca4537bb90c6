"""Why a media file cannot be used, in one word for the books and one line for a person."""


class Unreadable(Exception):
    """A file that gives no usable pictures or sound.

    `reason` is a fixed word that is counted (`decode_error`, `no_frames`, …); `detail` says more and holds no path.
    """

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail
