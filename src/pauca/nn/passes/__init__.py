"""Passes: a network in, a smaller or faster network of the same kind out, and what it cost.

| pass | takes | options | what it does |
|---|---|---|---|
| `prune` | torch, ONNX | `PruneOptions` | smallest weights to 0: global, by layer, n:m |
| `channels` | torch | `ChannelOptions` | whole channels cut out of the graph |
| `share` | torch, ONNX | `ShareOptions` | few values a tensor (k-means), trained as such |
| `low-rank` | torch, ONNX | `LowRankOptions` | a layer as two thinner ones (SVD) |
| `binary` | torch | `BinaryOptions` | weights, and inputs, as signs: BWN, XNOR |
| `distill` | torch | `DistillOptions` | a student trained by a teacher |
| `qat` | torch | `QatOptions` | trained with rounded weights and inputs |
| `export` | torch | `ExportOptions` | to ONNX; after `qat` a QDQ graph: the one change of kind |
| `int8` | ONNX | `Int8Options` | QDQ graph by calibration (ONNX Runtime) |
| `int8-dynamic` | ONNX | `DynamicOptions` | int8 weights, ranges as they come: LSTMs |

Passes that train are torch's; those that need the weights alone take ONNX too, because that is
what is deployed. Each is a function `pass(model, options, context) -> model` that leaves its
argument as it is; `interface.Context` brings what only the caller has (inputs, training,
evaluation). `interface.apply_pass` calls one by name and measures before and after;
`interface.apply_recipe` a list of them, which is what a recipe file holds:

    {"passes": [
        {"pass": "channels", "ratio": 0.3},
        {"pass": "prune", "sparsity": 0.8},
        {"pass": "share", "clusters": 32},
        {"pass": "export"},
        {"pass": "int8", "feeds": "samples.npz"}
    ]}

    model, reports = apply_recipe(read_recipe("small.json"), module, Context(example, train))

Files named `*_torch.py` import torch; nothing else here does.
"""
