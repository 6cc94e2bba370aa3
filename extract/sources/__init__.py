"""Which clips: folders, tables and manifests become a list of clips with their media files."""
