"""Heads as ONNX files, for machines and programs that have neither torch nor this project."""
