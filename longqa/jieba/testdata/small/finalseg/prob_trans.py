from __future__ import unicode_literals
P={'B': {'E': -0.51, 'M': -0.91}, 'E': {'B': -0.58, 'S': -0.8}, 'M': {'E': -0.33, 'M': -1.26}, 'S': {'B': -0.72, 'S': -0.66}}
