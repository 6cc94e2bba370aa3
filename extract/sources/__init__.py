"""Which clips there are: folders, manifests and tables of ids become clips with their files."""
