import sys,time
sys.path.insert(0,'.')
from tests.unit import test_jitter as t
b=time.time()
L=t.Listener()
heard=L.hear([t.Packet(p.at + 0.015 * (p.index % 100 == 99), p.index) for p in t.steady(15_000)],299.0)
print(sum(x is not None and x.data is None for x in heard), L.buffer.stats(), time.time()-b, [i/50 for i,x in enumerate(heard) if x and x.data is None])
t.test_a_network_that_stood_still_is_caught_up_with()
t.test_a_lost_packet_costs_its_own_time_when_nothing_is_held_either()
t.test_a_packet_that_is_merely_slow_is_still_played()
