import sys,random
sys.path.insert(0,'.')
import numpy as np
if len(sys.argv)>1:
    import shutil; shutil.which=lambda *a: None
from tests.unit import test_concealment as c
for share in (0.05,0.2):
    encoder, chance = c.OpusEncoder(), random.Random(5)
    packets = [p for b in c.blocks(c.speech(10.0)) for p in encoder.encode(b)]
    lost = {i for i in range(20, len(packets)) if chance.random() < share}
    whole, decoder, conc = c.OpusDecoder(), c.OpusDecoder(), c.Concealer()
    said, concealed, silenced = [], [], []
    for i,p in enumerate(packets):
        b=whole.decode(p); got=None if i in lost else decoder.decode(p)
        said.append(b); concealed.append(conc.lost() if got is None else conc.good(got)); silenced.append(c.SILENCE if got is None else got)
    truth=c.spectrum(np.concatenate(said))
    e=[np.abs(c.spectrum(np.concatenate(s))-truth).mean() for s in (concealed,silenced)]
    w=[np.sqrt(np.mean((np.concatenate(s).astype(float)-np.concatenate(said))**2)) for s in (concealed,silenced)]
    print(share,e,e[0]/e[1],w)
