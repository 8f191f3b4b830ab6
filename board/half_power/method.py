"""Writes this entry's allocations: python method.py FOLDER_OF_INSTANCES."""

import json
import sys
from pathlib import Path

import numpy as np

from isaclib import wireless_powered as wp

for family in ("paper", "tight"):
    target = Path(__file__).parent / "wireless_powered" / family
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted((Path(sys.argv[1]) / "wireless_powered" / family).glob("[0-9]*.json")):
        scenario = wp.Scenario.load(file)
        powers = np.full(len(scenario.gain_bs_user), scenario.max_power_w / 2)
        lasts = wp.harvested_energy_j(scenario, 1.0) / powers  # seconds of sending for each second of charging
        charging = scenario.time_budget_s / (1 + np.sum(lasts))
        allocation = {"powers_w": powers.tolist(), "charging_time_s": charging, "times_s": (charging * lasts).tolist()}
        (target / file.name).write_text(json.dumps(allocation) + "\n")
