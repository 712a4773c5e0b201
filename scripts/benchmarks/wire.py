"""Wire bytes a sample, steady: the fixed load at its real pace; what left the agents after each had
declared and sent its first batch, as TCP saw it. `wire-bytes-all` is everything (samples, ends of
cycles, heartbeats, TLS records), `wire-bytes-samples` the frames of samples alone, before TLS."""

from bench_lab import Figure, Manager, keyed, load

SERVERS, SERIES = 100, 500


def measure(directory):
    manager = Manager(directory, "--collect-interval", "10s").start()
    try:
        agents = load(manager, directory, "--servers", SERVERS, "--series", SERIES, "--pace", "real",
                      "--seconds", "75", token=manager.token(SERVERS))
        agents.wait_line("^sessions ", 240)
        found = keyed(agents.text())
        agents.stop()
    finally:
        manager.program.stop()
    print(f"    {100 * found['unchanged_share'][0]:.1f} % of the samples were unchanged; "
          f"{found['counted_samples'][0]:.0f} samples counted", flush=True)
    return [
        Figure("wire-bytes-samples", found["sample_bytes_a_sample"][0], "bytes/sample", "<=2", "<=1"),
        Figure("wire-bytes-all", found["wire_bytes_a_sample"][0], "bytes/sample", "<=2", "<=1"),
    ]
