"""The page schedule, where `streamlit run app.py` looks for it; it is written in curation/ui/pages/schedule.py."""

from curation.ui.pages.schedule import main

main()
