"""xoshiro256** seeded by splitmix64, in Python integers."""

_MASK = 2**64 - 1


def _rotl(x, k):
    return ((x << k) | (x >> (64 - k))) & _MASK


class Random:
    def __init__(self, seed):
        self.state = []
        for _ in range(4):
            seed = (seed + 0x9E3779B97F4A7C15) & _MASK
            z = seed
            z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
            self.state.append(z ^ (z >> 31))

    def next(self):
        s = self.state
        result = (_rotl((s[1] * 5) & _MASK, 7) * 9) & _MASK
        t = (s[1] << 17) & _MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = _rotl(s[3], 45)
        return result

    def below(self, bound):
        limit = (1 << (bound - 1).bit_length()) - 1
        n_dropped = 11 if bound <= 2**53 else 1
        while True:
            value = (self.next() >> n_dropped) & limit
            if value < bound:
                return value

    def uniform(self):
        return (self.next() >> 11) * 2.0**-53
