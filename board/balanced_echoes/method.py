"""Writes this entry's allocations: python method.py FOLDER_OF_INSTANCES."""

import json
import sys
from pathlib import Path

import numpy as np

from isaclib import network_localization as nl

for family in ("paper", "tight"):
    target = Path(__file__).parent / "network_localization" / family
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted((Path(sys.argv[1]) / "network_localization" / family).glob("[0-9]*.json")):
        scenario = nl.Scenario.load(file)
        powers = cap = np.broadcast_to(scenario.max_power_w, scenario.echo_gain.shape)
        for _ in range(100):
            powers = powers / np.sqrt(nl.sensing_sinr(scenario, powers))
            powers = powers / np.max(powers / cap)
        (target / file.name).write_text(json.dumps({"powers_w": powers.tolist()}) + "\n")
