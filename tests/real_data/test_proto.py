import time, dagster as dg, pytest, cProfile
from tests.real_data import replay
from tests.real_data.test_meta_and_linkedin_figures import SETS
def test_x(database, tmp_path_factory):
    import threading
    with dg.DagsterInstance.ephemeral() as instance:
        for name in ("police",):
            real=SETS[name]()
            with replay.served(real.world, tmp_path_factory.mktemp(name)) as sb:
                r=real.readings[-1]
                import yappi
                yappi.set_clock_type("cpu"); yappi.start(builtins=False)
                replay.read(real,r,sb,instance)
                yappi.stop()
                st=yappi.get_func_stats(); st.save("/tmp/w/yprof","pstat")
                for t in yappi.get_thread_stats(): print("THREAD",t.name,t.ttot)
