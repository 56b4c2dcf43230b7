from __future__ import unicode_literals
P={'B': -0.26, 'E': -3.14e+100, 'M': -3.14e+100, 'S': -1.46}
