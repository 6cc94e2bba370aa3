"""Where the files of a cache lie: on a disk of this machine, or as objects behind a URL."""

from cache.common.storage import connect as connect  # makes the way to what lies behind URLs known
