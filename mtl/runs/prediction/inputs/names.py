"""What kind of file a name promises; nothing here imports torch."""

from pathlib import Path

from mtl.data.image_format import PICTURE_SUFFIXES

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv",
)  # fmt: skip
"""What is read as a video, in lower case; upper case is as good."""
READ = (*PICTURE_SUFFIXES, *VIDEO_SUFFIXES)


def is_video(path: Path) -> bool:
    """Whether a file is read as a video: by its name."""
    return path.suffix.lower() in VIDEO_SUFFIXES
