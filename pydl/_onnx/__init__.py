"""Models as ONNX files, written without the onnx package (docs/adr/0020)."""
