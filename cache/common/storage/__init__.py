"""Where the files of a cache lie: on a disk of this machine, or as objects behind a URL."""
