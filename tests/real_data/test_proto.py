import time, sys, tempfile, os
import pytest
from pathlib import Path
import dagster as dg
from tests.real_data import facebook, instagram, twitter, linkedin, replay

@pytest.mark.parametrize("make",[facebook.cosmetics])
def test_x(engine, tmp_path, make):
    t=time.perf_counter(); real=make(); print("make",time.perf_counter()-t, "cpu", time.process_time())
    with dg.DagsterInstance.ephemeral() as instance, replay.served(real.world, tmp_path) as sb:
        print("served",time.perf_counter()-t, "cpu", time.process_time())
        for r in real.readings:
            t=time.perf_counter()
            replay.read(real, r, sb, instance)
            print(r.at, (r.last-r.first).days, "read",time.perf_counter()-t,"cpu",time.process_time(), len(sb.requests)); 
            bad=[q for q in sb.requests if q.status!=200]; print(bad[:3]); sb.clear_requests()
        o=replay.stored_observations(); print(len(o), len(real.observed))
        if make is facebook.cosmetics:
            t=time.perf_counter(); replay.summarise(real.readings[0].first, real.readings[0].last, instance); print("dbt",time.perf_counter()-t, "cpu", time.process_time()); print(len(replay.stored_summaries()))
