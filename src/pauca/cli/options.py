"""Options of `encode` and `decode`, each with the domain it is for."""

from pathlib import Path
from typing import Annotated

import typer

from pauca.cli.image import Scale as PictureScale
from pauca.cli.image import Tune
from pauca.cli.video import Codec, FilterChoice
from pauca.image.kind import Content, Look

Input = Annotated[str, typer.Argument(metavar="IN", help="Input file, or - for standard input.")]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="OUT", help="Output file, or - for a pipe.")
]
Force = Annotated[bool, typer.Option("--force", "-f", help="Replace the output if it exists.")]
Json = Annotated[bool, typer.Option("--json", help="Report as one JSON object on stdout.")]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=0, help="Threads, 0: all.  [default: 0; networks: 1]"),
]
Base = Annotated[
    Path | None,
    typer.Option(help="Networks: the older one, a file or a stream, that an update starts from."),
]

Quality = Annotated[
    float | None,
    typer.Option(
        "--quality", "-q", min=0, max=100, help="Pictures: higher is better.  [default: 50]"
    ),
]
Measure = Annotated[
    Tune | None,
    typer.Option("--tune", help="Pictures: choose the shipped model by measure.  [default: psnr]"),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", help="Pictures: model pack, a name or a folder. Videos: filter pack."
    ),
]
Effort = Annotated[
    int | None,
    typer.Option(
        "--effort", "-e", min=1, max=9,
        help="Pictures and videos: higher is slower and smaller.  [default: 3, videos 5]",
    ),
]  # fmt: skip
NoMetadata = Annotated[
    bool, typer.Option("--no-metadata", help="Pictures: leave out ICC profile, EXIF and XMP.")
]
To8Bit = Annotated[
    bool, typer.Option("--to-8-bit", help="Pictures: keep the upper 8 bits of deeper samples.")
]
KeepHidden = Annotated[
    bool,
    typer.Option(
        "--keep-hidden", help="Pictures: keep the colours of transparent pixels, which cost bytes."
    ),
]
ContentKind = Annotated[
    Content | None,
    typer.Option(
        "--content",
        help="Pictures: photo is learned, graphics is lossless, auto what suits every part."
        "  [default: auto]",
    ),
]
TileSide = Annotated[
    int | None,
    typer.Option("--tile", help="Pictures: side of parts, 0 for one.  [default: 1024 above 4 MP]"),
]
ScaleDown = Annotated[
    PictureScale | None,
    typer.Option("--scale", help="Pictures: so many times smaller; a prefix will do."),
]
PictureLook = Annotated[
    Look | None,
    typer.Option(
        "--look",
        help="Pictures: natural puts back texture, which is invented.  [default: faithful]",
    ),
]
LookBound = Annotated[
    float | None,
    typer.Option(
        metavar="DB",
        help="Pictures: warn of a natural look farther from the faithful one.  [default: 20]",
    ),
]
Region = Annotated[
    str | None,
    typer.Option(metavar="X,Y,W,H", help="Pictures: decode these pixels of the whole alone."),
]
Bits = Annotated[
    int | None,
    typer.Option(
        min=2, max=16, help="Networks: bits that hold a tensor's largest level.  [default: 8]"
    ),
]
Step = Annotated[float | None, typer.Option(help="Networks: weights become multiples of this.")]
MaxError = Annotated[
    float | None, typer.Option(help="Networks: no weight moves by more than this.")
]
VectorBits = Annotated[
    int | None,
    typer.Option(
        min=0, max=23, help="Networks: bits of mantissa that vectors keep.  [default: 10]"
    ),
]
Lossless = Annotated[
    bool, typer.Option("--lossless", help="Networks: keep every bit of every tensor.")
]
Evaluation = Annotated[
    str | None,
    typer.Option(
        "--eval", help='Networks: command that prints the accuracy, "python eval.py {model}".'
    ),
]
MaxDrop = Annotated[
    float | None,
    typer.Option(min=0, help="Networks: the smallest file that loses no more by --eval."),
]
BitsPerWeight = Annotated[
    float | None, typer.Option(min=0, help="Networks: the best with so many bits per weight.")
]
QuantizerName = Annotated[
    str | None,
    typer.Option(
        "--quantizer",
        help="Networks: nearest, weighted, trellis, kmeans, lloyd, dc1, dc2 or second-order for a"
        " search, or one of them and its setting (second-order=1e-7).",
    ),
]
CalibrationFile = Annotated[
    Path | None,
    typer.Option("--calibration", help="Networks: npz of what the quantizer may know of it."),
]
Plot = Annotated[Path | None, typer.Option(help="Networks: plot of all trials of a search, PNG.")]
CodecName = Annotated[
    Codec | None, typer.Option("--codec", help="Videos: the standard.  [default: h264]")
]
Crf = Annotated[
    float | None,
    typer.Option(
        "--crf", min=0, max=63,
        help="Videos: constant rate factor, lower is better.  [default: h264 23, hevc 28, av1 35]",
    ),
]  # fmt: skip
Bitrate = Annotated[
    str | None, typer.Option("--bitrate", help="Videos: bits a second on average, 800k or 1.5M.")
]
TargetVmaf = Annotated[
    float | None,
    typer.Option(
        "--target-vmaf", min=1, max=100,
        help="Videos: the highest CRF with this VMAF on samples; needs an ffmpeg with libvmaf.",
    ),
]  # fmt: skip
Preset = Annotated[
    str | None, typer.Option("--preset", help="Videos: the encoder's preset.  [default: by effort]")
]
FilterName = Annotated[
    FilterChoice | None,
    typer.Option(
        "--filter",
        help="Videos: the neural filter that goes along, as it comes or fitted to every scene."
        "  [default: generic, where one is installed]",
    ),
]
Scale = Annotated[
    int | None,
    typer.Option(help="Videos: 2 codes half the width and height, which the filter restores."),
]
Fps = Annotated[
    str | None, typer.Option("--fps", help="Videos: frames a second of a folder of pictures.")
]
Nnpf = Annotated[
    bool,
    typer.Option(
        "--nnpf", help="Videos: add the filter as post-filter SEI of H.274, too; H.265 alone."
    ),
]
