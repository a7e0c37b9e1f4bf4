"""Quantizers: arrays by name in, `Quantized` by name out, one module and one options class each.

| module | what it does | what it needs besides the weights |
|---|---|---|
| `nearest` | nearest multiple of a step | |
| `weighted` | squared error times importance, plus bits of the coder | importance (optional) |
| `deepcabac` | DC-v1, DC-v2: step and price of a bit found | deviations; an evaluation |
| `kmeans` | shared values; weighted Lloyd with entropy | importance (optional) |
| `trellis` | dependent quantization, 4 or 8 states | importance (optional) |
| `second_order` | error fed to later columns, rate term | statistics of layers |
| `train` | the same, layers in order in the running network | torch module, inputs |
"""
