"""A finished head, or several that predict together, written as one ONNX file that was compared with torch."""

from __future__ import annotations

from pathlib import Path

from cache.common.durable import write_output
from train.errors import RunError
from train.runs.export.check import compare
from train.runs.export.heads import Plan, onnx_file
from train.runs.export.libraries import library
from train.runs.export.options import ExportOptions
from train.runs.export.sound import LoadedStudent
from train.runs.run_folder import Run, load_run

SUFFIX = ".onnx"


def export(
    run: Path,
    out: Path,
    options: ExportOptions | None = None,
    *,
    student: Path | None = None,
    overwrite: bool = False,
) -> float:
    """Write the ONNX file of a run; of an ensemble or a cross-validation, the mean of all heads.

    Args:
        run: folder of it, finished.
        out: file to write, ``.onnx``.
        options: what goes in and comes out.
        student: folder of the student whose features the heads take; then a waveform goes in.
        overwrite: replace a file of that name, whatever it is.

    Returns:
        The largest difference from torch on made-up clips, as a share of max(1, largest value).

    Raises:
        RunError: if the run is damaged, has no ONNX form, or the file does not predict what torch does; if a
            library is missing.
        StorageError: if ``out`` exists and holds something else, or cannot be written.
    """
    if out.suffix != SUFFIX:
        raise RunError(f"{out}: expected the name of a {SUFFIX} file")
    heard = None if student is None else LoadedStudent.read(student)
    data, difference = exported(load_run(run), options or ExportOptions(), heard)
    write_output(out, data, overwrite)
    return difference


def exported(run: Run, options: ExportOptions, student: LoadedStudent | None = None) -> tuple[bytes, float]:
    """Return the ONNX file of a loaded run, and its largest difference from torch; see ``export``."""
    for name in ("onnx", "onnxruntime"):
        library(name)  # before the minutes that a large head may take
    plan = Plan.of(run, options, student)
    data = onnx_file(plan)
    return data, compare(data, plan)
