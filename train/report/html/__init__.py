"""One page of HTML on runs and studies, to look at in a browser: tables that sort, clips that can be heard."""
