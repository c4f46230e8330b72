"""The stories that the programme tells of itself, as issues of the demo: what was said at each of the seven steps."""

from datetime import UTC, datetime
from typing import NamedTuple

from lxbc_graph.domain.deadlines import SHANGHAI
from lxbc_graph.domain.words import Complexity, Source, Subject


class Story(NamedTuple):
    """One issue with words of its own; its times are those of the first fitting slot after ``after``."""

    after: datetime
    unit: str
    department: str
    content: str
    """Name of the work content."""
    complexity: Complexity
    title: str
    description: str
    judgement: str
    handover: str
    measures: tuple[str, str]
    """Territory, department; so are the next two."""
    progress: tuple[str, str]
    feedback: tuple[str, str]
    inspection: str
    visit: str
    source: Source = Source.VISIT
    subject: Subject = Subject.VILLAGE


STORIES = (
    Story(
        after=datetime(2021, 8, 30, 8, tzinfo=SHANGHAI).astimezone(UTC),
        unit="411003101212",
        department="411003-water",
        content="机井与灌溉",
        complexity=Complexity.GENERAL,
        title="五女店镇冶庄村农田机井缺少水泵，浇不上地",
        description="按照本月工作要点入户走访时，冶庄村群众反映汛后部分机井水泵损坏，农田浇灌困难，担心误了农时。",
        judgement="经问题研判，情况属实，属一般问题，由建安区水利局会同五女店镇限期解决。",
        handover="双交办：属地五女店镇、责任单位建安区水利局，七日内办结。",
        measures=("逐井排查登记，落实每眼机井的管护人。", "现场核对井深和水位，配齐水泵并检修线路。"),
        progress=(
            "督办后回报：机井排查完毕，损坏情况已逐眼登记造册。",
            "督办后回报：水泵已调运到村，正在逐眼安装调试。",
        ),
        feedback=("机井全部恢复出水，管护人已公示。", "建安区水利局已为冶庄村农田配齐水泵，试水正常。"),
        inspection="现场核验：随机开启机井，出水正常，反馈属实。",
        visit="回头看：走访村干部和种植户，农田已经浇上水，群众满意。",
    ),
    Story(
        after=datetime(2021, 9, 13, 8, tzinfo=SHANGHAI).astimezone(UTC),
        unit="411024100",
        department="411024-industry",
        content="企业用工",
        complexity=Complexity.COMPLEX,
        title="振德健康医疗用品产业园三期投产在即，用工和通勤需要对接",
        description=(
            "鄢陵县产业集聚区振德健康医疗用品产业园由浙江振德集团投资60亿元，占地1500亩，分三期建设（300亩、200亩、"
            "1000亩），建筑面积45万平方米，建设期两年。一、二期已投用，三期主体即将完工；全部建成后年产值100亿元、"
            "利税30亿元，可带动安陵镇、马栏镇周边1万人就业。座谈中企业反映三期用工缺口大，周边群众想就近上岗但"
            "不了解岗位，上下班通勤不便。"
        ),
        judgement="经问题研判，涉及多个部门，属复杂问题，列入万人助企专班台账，一个月内办结。",
        handover="双交办：属地安陵镇、责任单位鄢陵县工业和信息化局，人社、交通部门配合。",
        measures=(
            "会同马栏镇摸排有就业意愿的劳动力，逐村建立名单。",
            "建立企业服务专班，组织专场招聘和岗前培训。",
        ),
        progress=(
            "督办后回报：两镇劳动力名单已建立，首批报名群众已到企业参观。",
            "督办后回报：专场招聘已举办，通勤班车线路完成勘定。",
        ),
        feedback=(
            "就近上岗群众已签约，村级就业联络员到位。",
            "招聘和培训纳入常态，通勤班车已开通，企业满意。",
        ),
        inspection="现场核验：查看签约名册和班车运行，反馈属实。",
        visit="回头看：走访企业、务工群众和安陵镇干部，用工有保障，群众满意。",
        source=Source.SYMPOSIUM,
        subject=Subject.ENTERPRISE,
    ),
    Story(
        after=datetime(2021, 10, 11, 8, tzinfo=SHANGHAI).astimezone(UTC),
        unit="411024104226",
        department="411024-agriculture",
        content="冬小麦播种",
        complexity=Complexity.GENERAL,
        title="望田镇新色村周小胜家缺劳力，冬小麦种不上",
        description="按照本月工作要点入户走访时了解到，新色村村民周小胜家中没有劳动力，也没有农机，冬小麦迟迟没有播种。",
        judgement="经问题研判，情况属实，农时不等人，属一般问题，立即交办。",
        handover="双交办：属地望田镇、责任单位鄢陵县农业农村局，七日内办结。",
        measures=("村干部包户，帮助整地备种。", "联系农机手，安排拖拉机上门作业。"),
        progress=("督办后回报：地已整好，麦种和肥料已备齐。", "督办后回报：已找到拖拉机，约定作业时间。"),
        feedback=("周小胜家的冬小麦已全部播种。", "拖拉机已上门完成耕播，作业质量合格。"),
        inspection="现场核验：到地块查看，小麦已播种，反馈属实。",
        visit="回头看：再次走访周小胜家，麦苗已经出土，本人表示满意。",
    ),
)
