"""The page prune, where `streamlit run app.py` looks for it; it is written in curation/ui/pages/prune.py."""

from curation.ui.pages.prune import main

main()
