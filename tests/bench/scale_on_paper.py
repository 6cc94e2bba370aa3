"""What very many clips need, on paper: from constants that were measured and a list of prices.

python tests/bench/scale_on_paper.py [--clips 100000000] [--seconds 10] [--constants FILE.json] [--prices FILE.json]

Both files hold any of the numbers below, by their names; ``simulate_scale.py`` measures the constants, and
``bench_remote.py --only scale`` the requests.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

CONSTANTS = {
    "frame_bytes": 1024 * 2 + 3 * 4,  # hidden states in float16 and VAD in float32, of one layer
    "frames_per_second": 50,
    "shard_bytes": 64e6,
    "record_bytes_per_clip": 260.0,
    "record_bytes_per_shard": 2600.0,
    "index_bytes_per_clip": 115.0,
    "open_seconds_per_million": 3.0,
    "open_mb_per_million": 700.0,
    "plan_seconds_per_million": 40.0,
    "plan_mb_per_million": 2000.0,
    "headers_per_second_and_core": 4000.0,
    "decode_times_real_time_and_core": 500.0,  # 44.1 kHz stereo mp3, README
    "encode_times_real_time_and_gpu": 3570.0,  # full-size encoder, float16, one H100, README
    "puts_per_shard": 9.0,  # 5 puts, 4 lists, which cost as much: shard, record, journal, lease, turn
    "gets_per_shard": 12.0,  # and 2 deletes, which cost nothing
    "objects_per_list": 1000.0,
}
PRICES = {  # US dollars, of the order that large providers list; give your own
    "gpu_hour": 2.5,
    "core_hour": 0.04,
    "gb_month": 0.023,
    "thousand_puts": 0.005,
    "thousand_gets": 0.0004,
    "gb_out": 0.09,
}


def needs(
    clips: float, seconds: float, constants: dict[str, float], prices: dict[str, float]
) -> dict[str, float]:
    """Return what so many clips of so many seconds need, by name with its unit."""
    c, p = {**CONSTANTS, **constants}, {**PRICES, **prices}
    hours = clips * seconds / 3600
    feature_bytes = clips * seconds * c["frames_per_second"] * c["frame_bytes"]
    shards = feature_bytes / c["shard_bytes"]
    gpu_hours = hours / c["encode_times_real_time_and_gpu"]
    core_hours = hours / c["decode_times_real_time_and_core"]
    puts, others = shards * c["puts_per_shard"], shards * c["gets_per_shard"]
    money = {
        "gpu": gpu_hours * p["gpu_hour"],
        "cores": core_hours * p["core_hour"],
        "requests": puts / 1e3 * p["thousand_puts"] + others / 1e3 * p["thousand_gets"],
        "month": feature_bytes / 1e9 * p["gb_month"],
    }
    million = clips / 1e6
    return {
        "sound [h]": hours,
        "shards": shards,
        "features [TB]": feature_bytes / 1e12,
        "records [GB]": (clips * c["record_bytes_per_clip"] + shards * c["record_bytes_per_shard"]) / 1e9,
        "index [GB]": clips * c["index_bytes_per_clip"] / 1e9,
        "headers [core hours]": clips / c["headers_per_second_and_core"] / 3600,
        "open [s]": million * c["open_seconds_per_million"],
        "open [GB of memory]": million * c["open_mb_per_million"] / 1e3,
        "plan [s]": million * c["plan_seconds_per_million"],
        "plan [GB of memory]": million * c["plan_mb_per_million"] / 1e3,
        "encoder [GPU hours]": gpu_hours,
        "decoding [core hours]": core_hours,
        "requests": puts + others,
        "requests to open": 2 + 2 * shards / c["objects_per_list"],  # by the index
        "requests to open without an index": 2 + shards * (1 + 2 / c["objects_per_list"]),
        "encoder [$]": money["gpu"],
        "decoding [$]": money["cores"],
        "requests [$]": money["requests"],
        "storage [$ a month]": money["month"],
        "reading all once from outside [$]": feature_bytes / 1e9 * p["gb_out"],
        "making it [$ per 1,000 h of sound]": (money["gpu"] + money["cores"] + money["requests"])
        / hours
        * 1000,
        "keeping it [$ a month per 1,000 h of sound]": money["month"] / hours * 1000,
    }


def read(path: Path | None) -> dict[str, float]:
    """Return the numbers of a JSON file."""
    return json.loads(path.read_text()) if path else {}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=float, default=1e8)
    parser.add_argument("--seconds", type=float, default=10.0, help="of a clip that are used")
    parser.add_argument("--constants", type=Path)
    parser.add_argument("--prices", type=Path)
    chosen = parser.parse_args()
    for name, value in needs(
        chosen.clips, chosen.seconds, read(chosen.constants), read(chosen.prices)
    ).items():
        print(f"{name:45} {value:>18,.2f}")


if __name__ == "__main__":
    main()
